using System.Collections.Concurrent;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Controller.Tests;

/// <summary>
/// Agents that do what they are told: VMs run, shadows hold epoch 7, swaps are fenced by the shadow's agent, takeovers
/// are consented to, and an examination finds a disk that answers in 5 ms. Each has a loop of its own, as real ones do.
/// </summary>
internal sealed class FakeFleet : IAsyncDisposable
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<HostId, FakeAgent> _agents = [];
    private readonly ConcurrentDictionary<HostId, CancellationTokenSource> _loops = [];
    private readonly ConcurrentDictionary<HostId, Task> _tasks = [];
    private readonly ConcurrentDictionary<VmId, GuestState> _guests = [];
    private readonly ConcurrentDictionary<VmId, VmActionResult> _announced = [];
    private readonly ConcurrentDictionary<VmId, DriftStatus> _drifts = [];

    /// <summary>
    /// What the agents say of a VM's guest on its primary, instead of what they are told to make of it.
    /// </summary>
    public void Say(string vm, GuestState guest) => _guests[new VmId(vm)] = guest;

    /// <summary>What the shadow's agent says of the drift of the VM's pair.</summary>
    public void Say(string vm, DriftStatus drift) => _drifts[new VmId(vm)] = drift;

    public void Add(FakeAgent agent)
    {
        _agents[agent.Name] = agent;
        var stop = new CancellationTokenSource();
        _loops[agent.Name] = stop;
        _tasks[agent.Name] = Task.Run(() => LoopAsync(agent, stop.Token));
    }

    /// <summary>The agent falls silent.</summary>
    public async Task SilenceAsync(string name)
    {
        var host = new HostId(name);
        await _loops[host].CancelAsync();
        await _tasks[host];
    }

    public void MoveTo(string url)
    {
        foreach (var agent in _agents.Values) agent.MoveTo(url);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var stop in _loops.Values) await stop.CancelAsync();
        await Task.WhenAll(_tasks.Values);
        foreach (var agent in _agents.Values) agent.Dispose();
    }

    private async Task LoopAsync(FakeAgent agent, CancellationToken stop)
    {
        var told = new HeartbeatAnswer(0, [], []);
        var results = new Dictionary<string, VmActionResult>();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                foreach (var assignment in told.Assignments) await ActAsync(agent, assignment, results);
                agent.Examinations = [.. told.Examinations.Select(Found)];
                told = await agent.BeatAsync([.. told.Assignments.Select(a => Status(a, results))]);
            }
            catch (Exception exception) when (exception is HttpRequestException or ObjectDisposedException)
            {
                await Task.Delay(RetryPause, CancellationToken.None); // the controller is away
            }
        }
    }

    private async Task ActAsync(FakeAgent agent, Assignment assignment, Dictionary<string, VmActionResult> results)
    {
        if (assignment.Action is not { } action || results.ContainsKey(action.Id)) return;
        var result = new VmActionResult { Id = action.Id, Succeeded = true, Detail = $"{action.Kind} done" };
        if (action.Kind == VmActionKind.Swap)
        {
            var shadow = _agents[assignment.Peer!.Value];
            var answer = await shadow.FenceAsync(assignment.Vm.Name.Value, assignment.Generation.Value, action.Id);
            result = result with
            {
                Succeeded = answer.Won,
                Detail = $"it runs on {answer.Current.Holder}",
                Phases =
                [
                    Phase("Prepare", 0, 10), Phase("Pause", 10, 1), Phase("FinalEpoch", 11, 5), Phase("Resume", 16, 4),
                ],
            };
        }
        else if (action.Kind == VmActionKind.SwapRehearsal)
        {
            result = result with { Checks = [new ReadinessCheck("standby", true, "it answers")] };
        }
        else if (action.Kind == VmActionKind.TakeoverConsent)
        {
            result = result with { Generation = assignment.Generation, Silence = TimeSpan.FromHours(1) };
        }

        results[action.Id] = result;
        // The new primary's agent tells of the same swap.
        if (action.Kind == VmActionKind.Swap)
            _announced[assignment.Vm.Name] = result with { Phases = [Phase("Announce", 0, 3)] };
    }

    private VmStatus Status(Assignment assignment, Dictionary<string, VmActionResult> results) => new()
    {
        Vm = assignment.Vm.Name,
        Role = assignment.Role,
        Generation = assignment.Generation,
        Guest = assignment.Role switch
        {
            VmRole.Primary => _guests.TryGetValue(assignment.Vm.Name, out var said) && assignment.Generation.Value == 1
                ? said
                : assignment.Power == DesiredPower.Running ? GuestState.Running : GuestState.ShutDown,
            VmRole.Shadow => GuestState.Standby,
            _ => GuestState.Absent,
        },
        Protection = assignment.Peer is null ? ProtectionState.Unprotected : ProtectionState.Protected,
        Reason = "as told",
        Place = assignment.Role == VmRole.Primary
            ? new VmPlace { Cpus = "0", Nodes = "0", Directory = "/srv" }
            : null,
        Lease = assignment is { Role: VmRole.Primary, Peer: not null, Policy.Takeover: TakeoverMode.Automatic }
            ? assignment.Policy.Lease
            : null,
        Drift = assignment.Role == VmRole.Shadow && assignment.Generation.Value == 1
            ? _drifts.GetValueOrDefault(assignment.Vm.Name)
            : null,
        Sync = new SyncStatus { Acknowledged = new EpochNumber(7), RawBytes = 9200, WireBytes = 1000, Progress = 1 },
        Results = assignment.Action is { } action && results.TryGetValue(action.Id, out var result)
            ? [result]
            : _announced.TryGetValue(assignment.Vm.Name, out var announced) ? [announced] : [],
    };

    private static Examination Found(ExaminationRequest request) => new()
    {
        Id = request.Id, Began = DateTimeOffset.UtcNow, Ended = DateTimeOffset.UtcNow,
        Kpis = [new ExaminedKpi { Kpi = "disk.latency", Looks = 10, Low = 4, Median = 5, High = 6 }],
    };

    private static PhaseTime Phase(string name, int start, int duration) =>
        new(name, TimeSpan.FromMilliseconds(start), TimeSpan.FromMilliseconds(duration));
}
