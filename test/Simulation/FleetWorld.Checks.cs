using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Health;
using Umbra.Core.Placement;

namespace Umbra.Simulation;

/// <summary>
/// What must hold of moves by suspicion, judged by what the controller was told, which is written down here by itself.
/// </summary>
internal sealed partial class FleetWorld
{
    // A swap takes 20 s, one that failed is tried again 30 s later; two in a row may fail.
    private static readonly TimeSpan s_moveMax = TimeSpan.FromSeconds(180);

    // A host is no part of a storm any more when nothing speaks against it for so long.
    private static readonly TimeSpan s_forgotten = DecisionLimits.StormWindow + s_step;

    // Less than this is no verdict, however it is weighed.
    private const double SignOfSuspicion = 0.9;

    private readonly Dictionary<VmId, Evidence> _told = [];
    private readonly Dictionary<HostId, Suspect> _suspects = [];
    private readonly Dictionary<VmId, TimeSpan> _approvedUntil = [];
    private readonly Dictionary<VmId, (HostId From, TimeSpan At)> _begun = [];
    private readonly Dictionary<VmId, TimeSpan> _movedAt = [];
    private readonly Dictionary<VmId, TimeSpan> _dueSince = [];

    private DriftStatus Told(FleetPair pair, VmRecord vm, FleetHost shadow)
    {
        DriftStatus drift = pair.Tell(Host(vm.Primary), shadow, _random);
        _told[vm.Name] = new Evidence(
            vm.Primary, shadow.Id, vm.Ownership.Generation, Score(drift, DriftSide.Primary),
            Score(drift, DriftSide.Shadow));
        return _bug == PlantedBug.ShadowSuspicionIgnored
            ? drift with { Kpis = [.. drift.Kpis.Where(static kpi => kpi.Side == DriftSide.Primary)] }
            : drift;
    }

    private static double Score(DriftStatus drift, DriftSide side) =>
        drift.Kpis.Where(kpi => kpi.Side == side).Select(static kpi => kpi.Score).DefaultIfEmpty().Max();

    private IReadOnlyList<HealthEvent> EventsSeenOf(FleetHost host) => [.. host.Events];

    // What speaks against a host by the word of any pair that it is part of.
    private double Against(HostId host)
    {
        double worst = 0;
        foreach ((VmId name, Evidence told) in _told)
        {
            if (!IsOfNow(name, told)) continue;
            if (told.Primary == host) worst = Math.Max(worst, told.AgainstPrimary);
            if (told.Shadow == host) worst = Math.Max(worst, told.AgainstShadow);
        }

        return worst;
    }

    private bool IsOfNow(VmId name, Evidence told) => _kept[name] is { } vm && vm.Primary == told.Primary
        && vm.Shadow == told.Shadow && vm.Ownership.Generation == told.Generation
        && _fleet.Host(told.Shadow)!.IsAlive(_fleet.Now);

    // A part that is critical weighs half a verdict at most; of two parts and less there is no more than one.
    private double Hardware(HostId host) => Math.Min(1.5, Host(host).Events
        .GroupBy(static entry => entry.Component)
        .Sum(part => Math.Min(3, part.Sum(entry => HealthCorrelation.WeightOf(entry, UtcNow)))) / 6);

    /// <summary>A move by suspicion begins: it may.</summary>
    private void CheckBegun(VmRecord vm)
    {
        (HostId from, HostId to) = (vm.Primary, vm.Shadow!.Value);
        bool approved = _approvedUntil.Remove(vm.Name, out TimeSpan until) && _now < until;
        Require(
            Against(to) < Math.Max(Against(from), Against(from) + Hardware(from)),
            $"{vm.Name} leaves {from} ({Against(from):0.00}) for {to} ({Against(to):0.00}), "
            + "which is known as no better");
        Require(
            _kept.Values.Count(static other => other.Action is { Action.Suspect: true })
                < DecisionLimits.SwapsAtOnceMax, "more VMs are moved at once than may be");
        Require(_now < s_faultsEnd + s_quietAfter, $"{vm.Name} is moved though nothing is wrong any more");
        _begun[vm.Name] = (from, _now);
        if (approved) return;
        Require(vm.Policy.Swap == SwapMode.Auto, $"{vm.Name} is moved, and nobody approved");
        // A controller that has just started has the wall clock alone to tell by.
        bool moves = _movedAt.TryGetValue(vm.Name, out TimeSpan moved);
        bool knows = moves && (_controllerSince < moved || _wallClockSetAt < moved);
        Require(
            !knows || _now - moved >= DecisionLimits.CoolDown,
            $"{vm.Name} was moved at {moved.TotalSeconds:0} s, and is again");
        Require(!IsStorm(from), $"{vm.Name} is moved in a storm: {string.Join(", ", _suspects.Keys)}");
    }

    // Hosts that came under suspicion within the window of this one for certain, and are suspected now. When that was
    // lies between a first sign and a verdict by drift alone.
    private bool IsStorm(HostId host)
    {
        if (!_suspects.TryGetValue(host, out Suspect own) || own.Verdict is not { } verdict) return false;
        int together = _suspects.Values.Count(other => other.Verdict is { } at
            && Later(at, verdict) - Earlier(other.Sign, own.Sign) <= DecisionLimits.StormWindow);
        return together >= DecisionLimits.StormHosts(_fleet.HostsAlive);
    }

    private static TimeSpan Later(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static TimeSpan Earlier(TimeSpan one, TimeSpan other) => one < other ? one : other;

    // Which hosts something speaks against, and which the controller has a verdict against.
    private void NoteSuspects()
    {
        foreach (FleetHost host in _hosts)
        {
            bool known = _suspects.TryGetValue(host.Id, out Suspect suspect);
            bool signs = Against(host.Id) + Hardware(host.Id) > SignOfSuspicion;
            if (!signs && known && _now - suspect.Last > s_forgotten)
            {
                _suspects.Remove(host.Id);
                continue;
            }

            if (signs) suspect = known ? suspect with { Last = _now } : new Suspect(_now, null, _now);
            bool verdict = _told.Any(told => told.Value.Primary == host.Id && told.Value.AgainstPrimary >= 1
                && IsOfNow(told.Key, told.Value));
            TimeSpan? since = verdict ? suspect.Verdict ?? _now : null;
            if (signs || known) _suspects[host.Id] = suspect with { Verdict = since };
        }
    }

    private void Check()
    {
        foreach (VmRecord vm in _kept.Values)
        {
            CheckMoved(vm);
            CheckMoves(vm);
        }
    }

    private void CheckMoved(VmRecord vm)
    {
        if (!_begun.TryGetValue(vm.Name, out (HostId From, TimeSpan At) begun) || vm.Action is not null) return;
        _begun.Remove(vm.Name);
        if (vm.Primary == begun.From) return;
        _movedAt[vm.Name] = begun.At;
        Require(
            _keptHosts[begun.From].Cordon is not null || Host(begun.From).RepairedAt >= begun.At,
            $"{vm.Name} has left {begun.From}, which is not cordoned");
    }

    // A verdict, a whole pair, a sound shadow, and nothing in the way: it has to run elsewhere soon.
    private void CheckMoves(VmRecord vm)
    {
        bool due = vm.Shadow is { } to && vm.Policy.Swap == SwapMode.Auto && vm.Action is not { Action.Suspect: false }
            && _told.TryGetValue(vm.Name, out Evidence? told) && IsOfNow(vm.Name, told) && told.AgainstPrimary >= 1
            && Host(to).Wear == 0 && Against(to) < 0.3 && Hardware(to) == 0
            && _keptHosts[to].Cordon is null && _now >= Host(to).SilentUntil && _now >= Host(vm.Primary).SilentUntil
            && Array.Find(_pairs, pair => pair.Vm == vm.Name)!.IsSeeded(_now)
            && _suspects.Count < DecisionLimits.StormHostsMin
            && !(_movedAt.TryGetValue(vm.Name, out TimeSpan moved)
                && (_wallClockSetAt > moved || _now - moved < DecisionLimits.CoolDown + TimeSpan.FromSeconds(30)));
        if (!due) _dueSince.Remove(vm.Name);
        else if (_dueSince.TryAdd(vm.Name, _now)) return;
        if (due)
        {
            Require(
                _now - _dueSince[vm.Name] < s_moveMax,
                $"{vm.Name} is still on {vm.Primary}, which is known to be bad: "
                + SuspicionPlanner.Look(_fleet, _fleet.Vm(vm.Name)!, UtcNow));
        }
    }

    // First sign; when drift alone became a verdict that still holds; last sign.
    private readonly record struct Suspect(TimeSpan Sign, TimeSpan? Verdict, TimeSpan Last);

    private sealed record Evidence(
        HostId Primary, HostId Shadow, Generation Generation, double AgainstPrimary, double AgainstShadow);
}
