using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Placement;

namespace Umbra.Simulation;

/// <summary>The controller: the product's planners; what keeps and tells is a model, as in SimController.</summary>
internal sealed partial class FleetWorld
{
    private const int StepsMax = 16;

    private readonly SortedDictionary<VmId, VmRecord> _kept = new(Comparer<VmId>.Create(
        static (a, b) => string.CompareOrdinal(a.Value, b.Value)));

    private readonly Dictionary<HostId, HostRecord> _keptHosts = [];
    private FleetState _fleet = new();
    private TimeSpan _controllerSince;
    private TimeSpan _controllerDeadUntil;
    private TimeSpan _wallClockSet;
    private TimeSpan _wallClockSetAt;
    private bool _controllerUp = true;

    private DateTimeOffset UtcNow => DateTimeOffset.UnixEpoch.AddYears(56) + _now + _wallClockSet;

    private void BeginController()
    {
        _controllerSince = _now;
        _controllerUp = true;
        _fleet = new FleetState();
        _told.Clear();
        _suspects.Clear();
        foreach (HostRecord record in _keptHosts.Values) _fleet.Put(new HostState(record, _fleet.Now));
        foreach (VmRecord vm in _kept.Values) _fleet.Put(Seen(vm));
    }

    private void KillController()
    {
        Trace("the controller dies");
        (_controllerUp, _controllerDeadUntil) = (false, _now + TimeSpan.FromSeconds(1 + _random.Below(30)));
    }

    private void Heartbeat(FleetHost host)
    {
        HostState state = _fleet.Host(host.Id)!;
        IReadOnlyList<VmId> removed = AssignmentPlanner.For(_fleet, host.Id).Removed;
        Dictionary<VmId, VmStatus> vms = [];
        foreach (VmRecord vm in _fleet.VmsOn(host.Id))
        {
            if (StatusOf(host, vm) is { } status) vms[vm.Name] = status;
        }

        state.Report(_fleet.Now, new HostHealth { Events = EventsSeenOf(host) });
        state.Report(_fleet.Now, vms);
        SuspicionPlanner.Note(_fleet, state, UtcNow);
        foreach (VmPlan plan in ReportPlanner.Confirmed(_fleet, state, removed).ToList()) Keep(plan.Vm);
        foreach (VmPlan plan in ReportPlanner.CopiesFound(_fleet, state).ToList()) Keep(plan.Vm);
    }

    private VmStatus? StatusOf(FleetHost host, VmRecord vm)
    {
        FleetPair pair = Array.Find(_pairs, pair => pair.Vm == vm.Name)!;
        bool seeded = pair.IsSeeded(_now);
        var status = new VmStatus
        {
            Vm = vm.Name, Role = AssignmentPlanner.RoleOf(vm, host.Id), Generation = vm.Ownership.Generation,
            Guest = GuestState.Absent, Results = [.. pair.Results],
        };
        return status.Role switch
        {
            VmRole.Primary => status with
            {
                Guest = GuestState.Running,
                Reason = seeded ? "epochs flow" : "it is seeded",
                Protection = seeded ? ProtectionState.Protected : ProtectionState.Seeding,
            },
            VmRole.Shadow => status with
            {
                Guest = GuestState.Standby,
                Drift = Told(pair, vm, host),
                Sync = new SyncStatus { Acknowledged = new EpochNumber(seeded ? 7u : 0) },
            },
            _ => vm.Action?.Target == host.Id ? status : null,
        };
    }

    private void Settle()
    {
        foreach (VmId name in _kept.Keys.ToList())
        {
            for (int step = 0; ; step++)
            {
                Require(step < StepsMax, $"the plan of {name} settles");
                VmRecord vm = _fleet.Vm(name)!;
                VmPlan plan = FleetPlanner.Step(_fleet, vm, UtcNow);
                if (plan.ChangesNothingOf(vm)) break;
                if (plan.Vm.Action is { Action.Suspect: true } && vm.Action is null) CheckBegun(plan.Vm);
                foreach (PlannedEvent entry in plan.Events)
                    Trace($"{name}: {entry.Kind} {entry.Host}: {entry.Text}");
                if (plan.Cordon is { } cordon) Cordon(cordon);
                Keep(plan.Vm);
            }
        }
    }

    private void Cordon(PlannedCordon cordon)
    {
        HostState host = _fleet.Host(cordon.Host)!;
        HostRecord record = host.Record with { Cordon = cordon.Reason };
        host.Record = record;
        if (_bug != PlantedBug.CordonForgotten) _keptHosts[cordon.Host] = record;
    }

    private void Uncordon(HostId name)
    {
        HostRecord record = _keptHosts[name] with { Cordon = null };
        _keptHosts[name] = record;
        if (_fleet.Host(name) is { } host) host.Record = record;
    }

    private void Keep(VmRecord vm)
    {
        _kept[vm.Name] = vm;
        _fleet.Put(Seen(vm));
    }

    // What was done on suspicion is forgotten by the planted mistake, and with it the time to wait.
    private VmRecord Seen(VmRecord vm) => _bug == PlantedBug.CoolDownIgnored && vm.Action is null
        ? vm with { History = [] }
        : vm;
}
