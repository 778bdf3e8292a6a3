using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Swap;

namespace Umbra.Simulation;

/// <summary>
/// A fleet whose hardware degrades, is repaired, cannot be measured or is measured badly, in virtual time and out of
/// one seed: what the product's planners make of it. Replication is none of it; a swap is a matter of seconds that
/// may fail. README.md here says what is real and what a model.
/// </summary>
internal sealed partial class FleetWorld
{
    private static readonly TimeSpan s_step = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_faultsEnd = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan s_quietAfter = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan s_end = TimeSpan.FromMinutes(28);

    private readonly ulong _seed;
    private readonly PlantedBug _bug;
    private readonly TextWriter? _trace;
    private readonly SimRandom _random;
    private readonly FleetHost[] _hosts;
    private readonly FleetPair[] _pairs;
    private readonly Dictionary<VmId, TimeSpan> _swapEnds = [];
    private ulong _digest;
    private int _moves;
    private TimeSpan _now;

    public FleetWorld(ulong seed, PlantedBug bug, TextWriter? trace)
    {
        (_seed, _bug, _trace) = (seed, bug, trace);
        _random = new SimRandom(seed ^ 0xF1EE7);
        _hosts = [.. Enumerable.Range(0, 5 + _random.Below(4)).Select(static n => new FleetHost(new HostId($"h{n}")))];
        _pairs = [.. Enumerable.Range(0, 4 + _random.Below(6)).Select(static n => new FleetPair(new VmId($"v{n}")))];
        foreach (FleetPair pair in _pairs) _kept[pair.Vm] = Created(pair.Vm);
        foreach (FleetHost host in _hosts)
        {
            _keptHosts[host.Id] = new HostRecord
            {
                Name = host.Id, KeyFingerprint = host.Id.Value, Joined = DateTimeOffset.UnixEpoch,
                Description = host.Description,
            };
        }

        BeginController();
    }

    public SimResult Run()
    {
        string? failure = null;
        try
        {
            for (; _now < s_end; _now += s_step) Step();
        }
        catch (Exception exception) when (exception is SimFailureException or InvalidOperationException)
        {
            failure = $"{SimResult.InFleet}at {_now.TotalSeconds:0} s: {exception.Message}";
        }

        return new SimResult(_seed, failure, _digest, 0, 0, 0, false, _moves);
    }

    private void Step()
    {
        if (_now < s_faultsEnd) MayFault();
        else if (_now == s_faultsEnd) Heal();
        foreach (FleetHost host in _hosts) host.Age(s_step.TotalSeconds);
        foreach (FleetPair pair in _pairs)
        {
            VmRecord vm = _kept[pair.Vm];
            pair.Watch(
                (vm.Primary, vm.Shadow, vm.Ownership.Generation), Host(vm.Primary),
                vm.Shadow is { } shadow ? Host(shadow) : null, _now, s_step.TotalSeconds);
        }

        if (_now < _controllerDeadUntil) return;
        if (!_controllerUp) BeginController();
        _fleet.AdvanceTo(_now - _controllerSince);
        foreach (FleetHost host in _hosts)
        {
            if (_now >= host.SilentUntil) Heartbeat(host);
        }

        EndSwaps();
        AskForSyncs();
        NoteSuspects();
        Settle();
        Check();
    }

    private VmRecord Created(VmId name)
    {
        int primary = _random.Below(_hosts.Length);
        int shadow = (primary + 1 + _random.Below(_hosts.Length - 1)) % _hosts.Length;
        int mode = _random.Below(8);
        return new VmRecord
        {
            Definition = new VmDefinition { Name = name, MemoryBytes = Sizes.GiB },
            Policy = new ProtectionPolicy
            {
                Swap = mode == 0 ? SwapMode.Observe : mode == 1 ? SwapMode.Approve : SwapMode.Auto,
            },
            Ownership = new Ownership(new Generation(1), _hosts[primary].Id, "create"), Shadow = _hosts[shadow].Id,
        };
    }

    // Those under way end; one in eight fails, and so does one whose hosts are not heard.
    private void EndSwaps()
    {
        foreach (FleetPair pair in _pairs)
        {
            VmRecord vm = _kept[pair.Vm];
            if (vm.Action is not { Action.Kind: VmActionKind.Swap or VmActionKind.Sync } pending) continue;
            string id = pending.Action.Id;
            if (pair.Results.Exists(result => result.Id == id)) continue;
            if (!_swapEnds.TryGetValue(pair.Vm, out TimeSpan end)) _swapEnds[pair.Vm] = end = _now + SwapTime();
            if (_now < end) continue;
            _swapEnds.Remove(pair.Vm);
            bool swap = pending.Action.Kind == VmActionKind.Swap;
            bool fails = swap && (_random.OneIn(8) || vm.Shadow is not { } to || _now < Host(to).SilentUntil);
            if (pair.Results.Count == 4) pair.Results.RemoveAt(0);
            pair.Results.Add(new VmActionResult { Id = id, Succeeded = !fails, Detail = fails ? "it failed" : "done" });
            if (!swap || fails) continue;
            var claim = new FenceClaim(vm.Ownership.Generation, vm.Shadow!.Value, id);
            Keep(vm.AfterFence(Fencing.Decide(vm.Ownership, claim)));
            _moves++;
            Trace($"{vm.Name} runs on {claim.Claimant}");
        }
    }

    private TimeSpan SwapTime() => TimeSpan.FromSeconds(1 + _random.Below(_random.OneIn(6) ? 20 : 3));

    private FleetHost Host(HostId name) => Array.Find(_hosts, host => host.Id == name)!;

    private void Trace(string text)
    {
        foreach (char c in text) _digest = (_digest ^ c) * 1099511628211;
        _digest ^= (ulong)_now.Ticks;
        _trace?.WriteLine($"{_now.TotalSeconds.ToString("0", CultureInfo.InvariantCulture),6} {text}");
    }

    private static void Require(bool condition, string what)
    {
        if (!condition) throw new SimFailureException(what);
    }
}
