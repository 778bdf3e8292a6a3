using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Health;
using Umbra.Core.Policy;

namespace Umbra.Core.Placement;

/// <summary>
/// Brings what agents say of drift and hardware to the decision about each VM, and begins the swap that it wants.
/// </summary>
public static class SuspicionPlanner
{
    /// <summary>
    /// What the decision about the VM rests on at this moment; what only a move needs, for one that should move.
    /// </summary>
    public static SwapInputs InputsOf(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        var primary = Against(fleet, vm, vm.Primary, DriftSide.Primary, utcNow);
        var shadow = vm.Shadow is { } host ? Against(fleet, vm, host, DriftSide.Shadow, utcNow) : Suspicion.None;
        var inputs = new SwapInputs
        {
            Mode = vm.Policy.Swap,
            Primary = primary,
            Shadow = shadow,
            IntervalMax = vm.Policy.IntervalMax,
            Approved = fleet.Suspicions.IsApproved(vm.Name, fleet.Now),
            SuspectedHosts = fleet.Suspicions.HostsSuspectedWith(vm.Primary, isSuspected: false, fleet.Now),
        };
        if (LastWordOfSilent(fleet, vm) is { } last)
            return inputs with { LastWord = last, TakeoverWaitsFor = TakeoverWaitsFor(fleet, vm) };
        return primary.Weight < DecisionLimits.SwapWeight ? inputs : InputsOfAMove(fleet, vm, inputs, utcNow);
    }

    /// <summary>
    /// What was held against the primary's host when it was last heard, where that makes its silence more than silence;
    /// else null.
    /// </summary>
    internal static Suspicion? LastWordAgainst(FleetState fleet, VmRecord vm) =>
        fleet.Suspicions.LastWordAgainst(vm.Name, vm.Primary) is { Weight: >= DecisionLimits.SilenceWeight } last
            ? last
            : null;

    private static Suspicion? LastWordOfSilent(FleetState fleet, VmRecord vm) =>
        fleet.Host(vm.Primary) is { } host && !host.IsAlive(fleet.Now) ? LastWordAgainst(fleet, vm) : null;

    private static string? TakeoverWaitsFor(FleetState fleet, VmRecord vm)
    {
        if (vm.Policy.Takeover != TakeoverMode.Automatic) return null;
        var verdict = TakeoverPlanner.MayTry(fleet, vm, saidOff: null);
        return verdict.Allowed ? "the shadow's consent is asked for" : string.Join("; ", verdict.Reasons);
    }

    // What a move would rest on costs most of a look, and hardly a VM needs it.
    private static SwapInputs InputsOfAMove(FleetState fleet, VmRecord vm, SwapInputs inputs, DateTimeOffset utcNow)
    {
        var (obstacle, passes) = ObstacleOf(fleet, vm);
        return inputs with
        {
            Shadow = vm.Shadow is { } host ? WithWordOfOthers(fleet, vm.Name, host, inputs.Shadow) : inputs.Shadow,
            Obstacle = obstacle,
            ObstaclePasses = passes,
            Lag = fleet.StatusOn(vm.Primary, vm.Name)?.Sync.Lag ?? TimeSpan.Zero,
            SinceLastSwap = SinceLastSwap(fleet, vm, utcNow),
            SwapsUnderWay = fleet.SuspectSwaps,
            SuspectedHosts = fleet.Suspicions.HostsSuspectedWith(vm.Primary, isSuspected: true, fleet.Now),
            FleetHosts = fleet.HostsAlive,
        };
    }

    /// <summary>
    /// Notes which hosts the report of <paramref name="host"/> speaks against, before anything is decided: what one
    /// report tells of many hosts would else be weighed as if it came one by one, and the first VMs were moved in a
    /// storm.
    /// </summary>
    public static void Note(FleetState fleet, HostState host, DateTimeOffset utcNow)
    {
        foreach (var vm in fleet.VmsOn(host.Name))
        {
            if (!IsWatched(vm)) continue;
            var primary = Against(fleet, vm, vm.Primary, DriftSide.Primary, utcNow);
            if (primary.Weight >= DecisionLimits.SwapWeight) fleet.Suspicions.Suspect(vm.Primary, fleet.Now);
        }
    }

    /// <summary>
    /// What is to be done with the VM; null: it is not for the planner to say while it is off or leaving.
    /// </summary>
    public static SwapVerdict? Look(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (!IsWatched(vm)) return null;
        var inputs = InputsOf(fleet, vm, utcNow);
        if (inputs.Primary.Weight >= DecisionLimits.SwapWeight) fleet.Suspicions.Suspect(vm.Primary, fleet.Now);
        if (fleet.Host(vm.Primary) is { } primary && primary.IsAlive(fleet.Now))
            fleet.Suspicions.NoteHeard(vm.Name, vm.Primary, primary.Clock.LastHeard, inputs.Primary);
        fleet.Suspicions.Keep(vm.Name, new SuspicionPoint(
            fleet.Now, inputs.Primary.Weight, inputs.Shadow.Weight, IntervalOf(fleet, vm)));
        return SwapDecision.Decide(inputs);
    }

    /// <summary>The decision as the API shows it.</summary>
    public static DecisionView View(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        var inputs = InputsOf(fleet, vm, utcNow);
        var verdict = Look(fleet, vm, utcNow)
            ?? new SwapVerdict(SwapStep.Hold, "it is off, being deleted, or not protected");
        return new DecisionView
        {
            Vm = vm.Name,
            Step = verdict.Step,
            Reason = verdict.Reason,
            Approved = inputs.Approved,
            Mode = inputs.Mode,
            Primary = Side(vm.Primary, inputs.Primary),
            Shadow = vm.Shadow is { } shadow ? Side(shadow, inputs.Shadow) : null,
            Drift = DriftOf(fleet, vm),
            Interval = IntervalOf(fleet, vm),
            SuspectedHosts = inputs.SuspectedHosts,
            History =
            [
                .. fleet.Suspicions.HistoryOf(vm.Name).Select(point => new SuspicionMoment(
                    fleet.Now - point.At, point.Primary, point.Shadow, point.Interval)),
            ],
        };

        HostSuspicion Side(HostId host, Suspicion suspicion) => new(
            host, suspicion, [.. EventsOf(fleet, host).Reverse().Take(DecisionView.EventsMax)]);
    }

    /// <summary>Begins a swap by suspicion where one is decided on; else null.</summary>
    internal static VmPlan? Begin(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (vm.Action is not null || TriedLately(fleet, vm)) return null;
        if (Look(fleet, vm, utcNow) is not { Step: SwapStep.Swap } verdict) return null;
        fleet.Suspicions.UseApproval(vm.Name);
        string id = $"suspect-{vm.Ownership.Generation.Value}-{utcNow.ToUnixTimeMilliseconds()}";
        fleet.Suspicions.Begin(vm.Name, id, LastMove(vm)?.Pending.Action.Id, fleet.Now);
        var action = new VmAction(id, VmActionKind.Swap, verdict.Reason) { Suspect = true };
        var pending = new PendingAction(action, vm.Primary, vm.Ownership.Generation, utcNow);
        return new VmPlan(
            vm with { Action = pending },
            [new PlannedEvent("swap.started", vm.Primary, $"it leaves {vm.Primary}: {verdict.Reason}")]);
    }

    /// <summary>
    /// What speaks against a host on which a VM is to be placed: its own hardware's word, or a verdict of a VM there.
    /// </summary>
    internal static Suspicion AgainstHost(FleetState fleet, HostState host, DateTimeOffset utcNow)
    {
        var hardware = SuspicionRule.Weigh(null, DriftSide.Primary, EventsOf(fleet, host.Name), utcNow);
        return WithWordOfOthers(fleet, null, host.Name, hardware);
    }

    private static bool IsWatched(VmRecord vm) =>
        !vm.Deleting && vm.Power == DesiredPower.Running && vm.Policy.Enabled;

    // The VM's own pair knows only what changed since its baseline: where that was learnt on a host that was bad
    // already, the other VMs there know better. A verdict of theirs counts, less than that is what many watches at once
    // bring about by chance.
    private static Suspicion WithWordOfOthers(FleetState fleet, VmId? vm, HostId host, Suspicion own)
    {
        (VmId Vm, KpiDrift Kpi)? worst = null;
        foreach (var other in fleet.VmsOn(host))
        {
            if (other.Name == vm || DriftOf(fleet, other) is not { } drift) continue;
            if (other.Primary != host && other.Shadow != host) continue;
            var side = other.Primary == host ? DriftSide.Primary : DriftSide.Shadow;
            var (kpi, _) = SuspicionRule.WorstOf(drift, side);
            double least = worst is { } found ? found.Kpi.Score : own.Weight;
            if (kpi is null || kpi.Score < DecisionLimits.SwapWeight || kpi.Score <= least) continue;
            worst = (other.Name, kpi);
        }

        return worst is { } word
            ? own with { Weight = word.Kpi.Score, Explanation = $"{word.Vm} there: {word.Kpi.Explanation}" }
            : own;
    }

    private static Suspicion Against(
        FleetState fleet, VmRecord vm, HostId host, DriftSide side, DateTimeOffset utcNow) =>
        SuspicionRule.Weigh(DriftOf(fleet, vm), side, EventsOf(fleet, host), utcNow);

    // What a silent host said last, or what was said of another pair, is not of now.
    private static DriftStatus? DriftOf(FleetState fleet, VmRecord vm) =>
        vm.Shadow is { } shadow && fleet.StatusOn(shadow, vm.Name) is { Role: VmRole.Shadow } status
        && status.Generation == vm.Ownership.Generation && fleet.Host(shadow)!.IsAlive(fleet.Now)
            ? status.Drift
            : null;

    private static TimeSpan IntervalOf(FleetState fleet, VmRecord vm) =>
        fleet.StatusOn(vm.Primary, vm.Name)?.Sync.Interval ?? TimeSpan.Zero;

    private static IReadOnlyList<HealthEvent> EventsOf(FleetState fleet, HostId host) =>
        fleet.Host(host)?.Health?.Events ?? [];

    private static (string? Obstacle, bool Passes) ObstacleOf(FleetState fleet, VmRecord vm)
    {
        if (SwapChecks.WhyNot(SwapChecks.Of(fleet, vm)) is { } missing) return (missing, false);
        // It is to be taken over then, and what is asked of the primary would be given up again at once.
        if (TakeoverPlanner.WhyMayBeOff(fleet, vm) is { } off) return (off, true);
        var (state, reason) = FleetViews.ProtectionOf(fleet, vm);
        return state switch
        {
            ProtectionState.Protected => (null, false),
            ProtectionState.Seeding or ProtectionState.Resyncing or ProtectionState.Swapping => (reason, true),
            _ => (reason, false),
        };
    }

    private static TimeSpan? SinceLastSwap(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (LastMove(vm) is not { } last) return null;
        var since = fleet.Suspicions.SinceBegun(vm.Name, last.Pending.Action.Id, fleet.Now)
            ?? utcNow - last.Pending.Started;
        return since > TimeSpan.Zero ? since : TimeSpan.Zero;
    }

    private static FinishedAction? LastMove(VmRecord vm) =>
        vm.History.LastOrDefault(static done => done.IsMoveBySuspicion);

    private static bool TriedLately(FleetState fleet, VmRecord vm) =>
        vm.History.Count > 0 && vm.History[^1] is { Result.Succeeded: false } last
        && last.Pending.Action is { Kind: VmActionKind.Swap, Suspect: true }
        && fleet.ActionAge(vm.Name, last.Pending.Action.Id) < FleetTimes.SuspectSwapRetry;
}
