using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Swap;

namespace Umbra.Simulation;

/// <summary>
/// A controller: the product's planners over a fleet of three hosts and one VM. Only what keeps and tells (the
/// product's FleetService over SQLite and HTTP) is a model: the VM's record survives a crash, everything heard does
/// not. Its clock drifts, and stands still while it is suspended, as the product's does.
/// </summary>
internal sealed class SimController
{
    private readonly SimWorld _world;
    private readonly IReadOnlyList<SimHost> _hosts;
    private readonly SimClock _clock;
    private readonly Dictionary<HostId, ReportOrder> _orders = [];
    private readonly Dictionary<HostId, string> _cordons = [];
    private FleetState _fleet = new();
    private VmRecord _kept;
    private TimeSpan _startedAt;

    public SimController(SimWorld world, IReadOnlyList<SimHost> hosts)
    {
        (_world, _hosts) = (world, hosts);
        _clock = new SimClock(world.Random);
        _kept = new VmRecord
        {
            Definition = SimWorld.Definition, Policy = world.Policy,
            Ownership = new Ownership(new Generation(1), hosts[0].Id, "create"), Shadow = hosts[1].Id,
        };
        Begin();
    }

    public bool Alive { get; private set; } = true;

    /// <summary>The VM, as the store has it.</summary>
    public VmRecord Vm => _kept;

    public void Crash()
    {
        Alive = false;
        _world.Trace("the controller crashes");
    }

    public void Restart()
    {
        if (Alive) return;
        Alive = true;
        Begin();
        _world.Trace("the controller is back");
    }

    /// <summary>Its monotonic clock did not move meanwhile.</summary>
    public void Suspended(TimeSpan time) => _clock.StandStill(time);

    public HeartbeatAnswer OnHeartbeat(HostId caller, AgentHeartbeat heartbeat)
    {
        Enter();
        HostState host = _fleet.Host(caller)!;
        host.Clock.Heard(_fleet.Now);
        if (!_orders[caller].Accept(heartbeat)) return AnswerFor(caller);
        HeartbeatAnswer answer = AnswerFor(caller);
        host.Report(_fleet.Now, heartbeat.Vms.ToDictionary(static vm => vm.Vm));
        SuspicionPlanner.Note(_fleet, host, UtcNow);
        if (heartbeat.SeenRevision == answer.Revision)
        {
            foreach (VmPlan plan in ReportPlanner.Confirmed(_fleet, host, answer.Removed)) Keep(plan);
        }

        foreach (VmPlan plan in ReportPlanner.CopiesFound(_fleet, host)) Keep(plan);
        Settle();
        return AnswerFor(caller);
    }

    public FenceAnswer OnClaim(FenceClaim claim)
    {
        Enter();
        if (!_kept.MayClaim(claim) && _world.Bug is not (PlantedBug.FenceIgnored or PlantedBug.DuplicatedClaimWins))
            return new FenceAnswer(false, _kept.Ownership);
        FenceAnswer answer = Planted(claim) ?? Fencing.Decide(_kept.Ownership, claim);
        Keep(new VmPlan(_kept.AfterFence(answer), []));
        Settle();
        return answer;
    }

    /// <summary>A person wants something done once; nothing comes of it where the product refuses.</summary>
    public bool Ask(VmActionKind kind, string id)
    {
        if (!Alive || _kept is { Action: not null } or { Shadow: null }) return false;
        Enter();
        var action = new VmAction(id, kind, "wanted");
        Keep(new VmPlan(
            _kept with { Action = new PendingAction(action, _kept.Primary, _kept.Ownership.Generation, UtcNow) }, []));
        Settle();
        return true;
    }

    /// <summary>Whether nothing new is placed on the host, as the store has it.</summary>
    public bool IsCordoned(HostId host) => _cordons.ContainsKey(host);

    /// <summary>A person has repaired every host.</summary>
    public void Uncordon()
    {
        foreach (HostId host in _cordons.Keys.ToList()) Cordon(host, null);
    }

    /// <summary>What time brings: silences, timeouts, takeovers.</summary>
    public void Tick()
    {
        Enter();
        Settle();
    }

    private DateTimeOffset UtcNow => DateTimeOffset.UnixEpoch.AddYears(56) + _world.Now + _world.WallClockSet;

    private void Begin()
    {
        _startedAt = _clock.At(_world.Now);
        _fleet = new FleetState();
        _orders.Clear();
        foreach (SimHost host in _hosts)
        {
            _orders[host.Id] = new ReportOrder();
            _fleet.Put(new HostState(
                new HostRecord
                {
                    Name = host.Id, KeyFingerprint = host.Name, Joined = DateTimeOffset.UnixEpoch,
                    Description = host.Description, Cordon = _cordons.GetValueOrDefault(host.Id),
                },
                _fleet.Now));
        }

        _fleet.Put(_kept);
    }

    private void Enter() => _fleet.AdvanceTo(_clock.At(_world.Now) - _startedAt);

    private void Settle()
    {
        while (true)
        {
            VmPlan plan = FleetPlanner.Step(_fleet, _kept, UtcNow);
            if (plan.ChangesNothingOf(_kept)) return;
            Keep(plan);
            if (_world.Bug == PlantedBug.KeeperNotAsked) TakeAsPromised();
        }
    }

    private void TakeAsPromised()
    {
        if (_kept.Action is not { Action: { Kind: VmActionKind.TakeoverConsent } asked, Target: var target }) return;
        if (!_kept.Remains.Contains(target) || _fleet.StatusOn(target, _kept.Name) is not { } said) return;
        VmActionResult yes = new() { Id = asked.Id, Succeeded = true, Detail = "nobody asked" };
        _fleet.Host(target)!.Report(
            _fleet.Now, new Dictionary<VmId, VmStatus> { [_kept.Name] = said with { Results = [yes] } });
    }

    private void Keep(VmPlan plan)
    {
        VmRecord before = _kept;
        foreach (PlannedEvent planned in plan.Events)
            _world.Trace($"controller: {planned.Kind} {planned.Host}: {planned.Text}");
        if (plan.Claim is { } claim && claim.Claimant != before.Primary) _world.CheckIsOff(before.Primary);
        if (plan.Cordon is { } cordon) Cordon(cordon.Host, cordon.Reason);
        if (plan.Claim is not null && before.Action is { Action.Kind: VmActionKind.TakeoverConsent } consent)
            _world.CheckTakenOver(before.Primary, consent);
        _kept = plan.Vm;
        _fleet.Put(_kept);
        if (_kept.Ownership != before.Ownership)
        {
            _world.Trace(
                $"{_kept.Primary} owns the VM under {_kept.Ownership.Generation} ({_kept.Ownership.Request})");
        }

        if (_kept.History.Count > 0 && (before.History.Count == 0 || before.History[^1] != _kept.History[^1]))
            _world.Finished(_kept.History[^1]);
    }

    private void Cordon(HostId name, string? reason)
    {
        if (reason is null) _cordons.Remove(name);
        else _cordons[name] = reason;
        HostState host = _fleet.Host(name)!;
        host.Record = host.Record with { Cordon = reason };
    }

    private HeartbeatAnswer AnswerFor(HostId host)
    {
        (IReadOnlyList<Assignment> assignments, IReadOnlyList<VmId> removed) = AssignmentPlanner.For(_fleet, host);
        long changes = AssignmentPlanner.ChangesOf(_fleet, host);
        Assignment? part = assignments.Count > 0 ? assignments[0] : null;
        string told = string.Create(
            CultureInfo.InvariantCulture,
            $"{changes} {part?.Role} {part?.Generation} {part?.Peer} {part?.Action?.Id} {removed.Count}");
        ulong digest = SimHash.Instance.Hash(System.Runtime.InteropServices.MemoryMarshal.AsBytes(told.AsSpan()));
        return new HeartbeatAnswer((long)(digest >> 1) | 1, assignments, removed);
    }

    private FenceAnswer? Planted(FenceClaim claim)
    {
        bool wins = _world.Bug == PlantedBug.FenceIgnored
            || (_world.Bug == PlantedBug.DuplicatedClaimWins && !_world.FirstTime(claim.Request));
        return wins
            ? new FenceAnswer(true, new Ownership(_kept.Ownership.Generation.Next, claim.Claimant, claim.Request))
            : null;
    }
}
