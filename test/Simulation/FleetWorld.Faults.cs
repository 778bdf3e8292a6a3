using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Health;
using Umbra.Core.Placement;

namespace Umbra.Simulation;

/// <summary>What happens to the hardware, the sensors, the agents and the controller; and what people do.</summary>
internal sealed partial class FleetWorld
{
    private const int FaultOneIn = 40;

    private readonly Dictionary<VmId, int> _syncsWanted = [];

    private void MayFault()
    {
        if (!_random.OneIn(FaultOneIn)) return;
        FleetHost host = Victim();
        switch (_random.Below(16))
        {
            case 0 or 1 or 2 or 3:
                Degrade(host);
                break;
            case 4 when _random.OneIn(2):
                // A room gets hot.
                foreach (FleetHost each in _hosts.Where(_ => _random.OneIn(2))) Degrade(each);
                break;
            case 5:
                host.SensorsFailed = !host.SensorsFailed;
                Trace($"{host.Id} is {(host.SensorsFailed ? "not " : "")}measured");
                break;
            case 6:
                host.Noisy = !host.Noisy;
                break;
            case 7 or 8:
                host.SilentUntil = _now + TimeSpan.FromSeconds(1 + _random.Below(20));
                Trace($"{host.Id} is silent until {host.SilentUntil.TotalSeconds:0}");
                break;
            case 9 when _controllerUp:
                KillController();
                break;
            case 10:
                _wallClockSetAt = _now;
                _wallClockSet += _random.Between(-3_600_000, 3_600_000);
                Trace($"the wall clock is set by {_wallClockSet.TotalSeconds:0} s in all");
                break;
            case 11 or 12:
                Complain(host, 1 + _random.Below(2));
                break;
            case 13:
                Repair(host);
                break;
            default:
                AskFor(_kept[_pairs[_random.Below(_pairs.Length)].Vm]);
                break;
        }
    }

    // Often one that a VM has just come to.
    private FleetHost Victim()
    {
        VmRecord vm = _kept[_pairs[_random.Below(_pairs.Length)].Vm];
        return _random.OneIn(2) ? Host(vm.Primary) : _hosts[_random.Below(_hosts.Length)];
    }

    private void Degrade(FleetHost host)
    {
        host.WearPerSecond = 1.0 / (5 + _random.Below(120));
        Trace($"{host.Id} degrades, {host.WearPerSecond:0.000}/s");
        if (_random.OneIn(3)) Complain(host, 1 + _random.Below(3));
    }

    private void Complain(FleetHost host, int parts)
    {
        for (int part = 0; part < parts; part++)
        {
            if (host.Events.Count == HostHealth.EventsMax) host.Events.RemoveAt(0);
            host.Events.Add(new HealthEvent
            {
                Host = host.Id, Component = $"drive{part}", Kind = ComponentKind.Drive, Time = UtcNow, Source = "smart",
                Severity = _random.OneIn(2) ? HealthSeverity.Critical : HealthSeverity.Warning, Message = "it fails",
            });
        }

        Trace($"{host.Id}: {parts} parts complain");
    }

    private void Repair(FleetHost host)
    {
        host.Repair(_now);
        Uncordon(host.Id);
        Trace($"{host.Id} is repaired");
    }

    // A person's wishes: approvals, and things done once, a few in a row.
    private void AskFor(VmRecord vm)
    {
        if (!_controllerUp) return;
        if (_random.OneIn(2))
        {
            if (SuspicionPlanner.Look(_fleet, vm, UtcNow) is not { Step: SwapStep.AskPerson }) return;
            _fleet.Suspicions.Approve(vm.Name, _fleet.Now);
            _approvedUntil[vm.Name] = _now + SuspicionBook.ApprovalTime;
            Trace($"{vm.Name}: a person approves");
            return;
        }

        _syncsWanted[vm.Name] = 1 + _random.Below(30);
    }

    private void AskForSyncs()
    {
        foreach ((VmId name, int wanted) in _syncsWanted)
        {
            VmRecord vm = _kept[name];
            if (wanted == 0 || vm.Action is not null) continue;
            _syncsWanted[name] = wanted - 1;
            var action = new VmAction($"sync-{_now.Ticks}", VmActionKind.Sync, "wanted");
            Keep(vm with { Action = new PendingAction(action, vm.Primary, vm.Ownership.Generation, UtcNow) });
        }
    }

    private void Heal()
    {
        Trace("nothing goes wrong any more");
        foreach (FleetHost host in _hosts) Repair(host);
        _syncsWanted.Clear();
        _controllerDeadUntil = TimeSpan.Zero;
    }
}
