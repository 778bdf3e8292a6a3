using Microsoft.Extensions.Logging;
using Umbra.Agent.Examining;
using Umbra.Agent.Health;
using Umbra.Agent.Links;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux.Machine;

namespace Umbra.Agent;

/// <summary>
/// Keeps the controller and this host in step: reports, takes the desired state, hands it on. Nothing here is needed
/// for a pair to keep syncing.
/// </summary>
internal sealed class HeartbeatLoop(
    ControllerClient controller, HostDescription host, VmFleet fleet, HealthPost health, Examiner examiner,
    EventLog events, ILogger log)
{
    /// <summary>Pause after a heartbeat that failed.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(500);

    /// <summary>Heartbeats are not sent closer together than this, however much happens.</summary>
    private static readonly TimeSpan SpacingMin = TimeSpan.FromMilliseconds(20);

    private readonly string _instance = Guid.NewGuid().ToString("N");
    private long _sequence;
    private long _revision;
    private bool _reachable = true;

    /// <summary>Runs until <paramref name="stop"/>.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            TimeSpan wait = await BeatAsync(stop) ? SpacingMin : RetryPause;
            await Task.Delay(wait, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> BeatAsync(CancellationToken stop)
    {
        IReadOnlyList<FleetEvent> news = events.Unsent();
        var heartbeat = new AgentHeartbeat
        {
            Host = host,
            Instance = _instance,
            Sequence = ++_sequence,
            SeenRevision = _revision,
            Vms = fleet.Statuses(out Task change),
            Events = news,
            Health = health.Due(),
            Examinations = examiner.Results,
        };
        TimeSpan sentAt = BootClock.Now;
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task<(HeartbeatAnswer? Answer, string Error)> asked = controller.HeartbeatAsync(heartbeat, abandon.Token);
        // A change here must not wait for the controller's answer to an older report.
        await Task.WhenAny(asked, change);
        if (!asked.IsCompleted) await abandon.CancelAsync();
        try
        {
            (HeartbeatAnswer? answer, string error) = await asked;
            NoteReachable(answer is not null, error);
            if (answer is null) return false;
            events.Sent(news);
            if (heartbeat.Health is not null) health.Sent();
            _revision = answer.Revision;
            fleet.ControllerAnswered(answer, sentAt);
            examiner.Asked(answer.Examinations);
            return true;
        }
        catch (OperationCanceledException)
        {
            return true; // something changed: report again at once
        }
    }

    private void NoteReachable(bool reachable, string error)
    {
        if (reachable == _reachable) return;
        _reachable = reachable;
        if (reachable) log.ControllerBack();
        else log.ControllerAway(error);
    }
}
