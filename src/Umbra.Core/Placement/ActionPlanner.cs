using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;

namespace Umbra.Core.Placement;

/// <summary>Follows the action that is under way on a VM to its end: a result, a conclusion or a timeout.</summary>
public static class ActionPlanner
{
    /// <summary>The next step of the VM's action; null: nothing to do.</summary>
    public static VmPlan? Step(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (vm.Action is not { } pending) return null;
        if (ReportedResult(fleet, vm, pending) is { } result)
        {
            return pending.Action.Kind switch
            {
                VmActionKind.TakeoverConsent when HandBackPlanner.IsAsked(vm, pending) =>
                    HandBackPlanner.AfterPromise(fleet, vm, pending, result),
                VmActionKind.TakeoverConsent => TakeoverPlanner.AfterConsent(fleet, vm, pending, result, utcNow),
                VmActionKind.SwapRehearsal => Finish(vm, pending, WithFleetChecks(fleet, vm, result)),
                VmActionKind.Swap => WithAnnouncement(fleet, vm, pending, result) is { } whole
                    ? Finish(vm, pending, whole)
                    : null,
                _ => Finish(vm, pending, result),
            };
        }

        var concluded = ConcludedSwap(fleet, vm, pending) ?? ConcludedTakeover(fleet, vm, pending);
        if (concluded is not null) return Finish(vm, pending, concluded);
        if (WhyLost(fleet, vm, pending) is { } lost) return Finish(vm, pending, Failed(pending, lost));
        var waited = Waited(fleet, vm, pending);
        return waited < FleetTimes.ActionTimeout(pending.Action.Kind) ? null : Finish(vm, pending, Failed(
            pending,
            $"{pending.Target} gave no result within {waited.TotalSeconds:0} s; what it did shows in the status"));
    }

    /// <summary>Ends the action by <paramref name="result"/>.</summary>
    internal static VmPlan Finish(VmRecord vm, PendingAction pending, VmActionResult result)
    {
        string kind = $"{EventName(pending.Action.Kind)}.{(result.Succeeded ? "completed" : "failed")}";
        return new VmPlan(vm.WithResult(result), [new PlannedEvent(kind, pending.Target, Describe(result))]);
    }

    private static string Describe(VmActionResult result)
    {
        if (result.Phases.Count == 0) return result.Detail;
        string phases = string.Join(", ", result.Phases.Select(static p => $"{p.Name} {Milliseconds(p.Duration)}"));
        return SwapPhases.Blackout(result.Phases) is { } blackout
            ? $"{result.Detail}; blackout {Milliseconds(blackout)} ms (in ms: {phases})"
            : $"{result.Detail} (in ms: {phases})";
    }

    private static string Milliseconds(TimeSpan time) =>
        time.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture);

    // What the pair found, and what the fleet has to say to it at this moment.
    private static VmActionResult WithFleetChecks(FleetState fleet, VmRecord vm, VmActionResult result)
    {
        ReadinessCheck[] checks = [.. SwapChecks.Of(fleet, vm), .. result.Checks];
        string? missing = result.Succeeded ? SwapChecks.WhyNot(checks) : result.Detail;
        return result with { Succeeded = missing is null, Detail = missing ?? result.Detail, Checks = checks };
    }

    // The old primary has seen all but the new one's announcement, which both are waited for; null: it is not in yet.
    private static VmActionResult? WithAnnouncement(
        FleetState fleet, VmRecord vm, PendingAction pending, VmActionResult result)
    {
        if (!result.Succeeded || vm.Primary == pending.Target) return result;
        if (ResultOn(fleet, vm.Primary, vm.Name, pending.Action.Id) is not { } other)
            return Waited(fleet, vm, pending) < FleetTimes.SwapResultGrace ? null : result;
        var announced = other.Phases.FirstOrDefault(static phase => phase.Name == SwapPhases.Announce);
        int resume = result.Phases.ToList().FindIndex(static phase => phase.Name == SwapPhases.Resume);
        if (announced is null || resume < 0) return result;
        var placed = announced with { Start = result.Phases[resume].End };
        return result with { Phases = [.. result.Phases.Take(resume + 1), placed, .. result.Phases.Skip(resume + 1)] };
    }

    /// <summary>A result of our own: the action has failed.</summary>
    internal static VmActionResult Failed(PendingAction pending, string detail) =>
        new() { Id = pending.Action.Id, Succeeded = false, Detail = detail };

    /// <summary>First part of the names of an action's events.</summary>
    public static string EventName(VmActionKind kind) => kind switch
    {
        VmActionKind.Sync => "sync",
        VmActionKind.Swap => "swap",
        VmActionKind.SwapRehearsal => "swap-rehearsal",
        VmActionKind.Takeover => "takeover",
        VmActionKind.TakeoverConsent => "takeover-consent",
        VmActionKind.Verify => "verify",
        _ => "plug",
    };

    // Both ends of a swap tell how it went; the old primary has seen all of it.
    private static VmActionResult? ReportedResult(FleetState fleet, VmRecord vm, PendingAction pending) =>
        ResultOn(fleet, pending.Target, vm.Name, pending.Action.Id)
        ?? (pending.Action.Kind == VmActionKind.Swap ? null : ResultOn(fleet, vm.Primary, vm.Name, pending.Action.Id));

    private static TimeSpan Waited(FleetState fleet, VmRecord vm, PendingAction pending) =>
        fleet.ActionAge(vm.Name, pending.Action.Id) ?? TimeSpan.Zero;

    private static VmActionResult? ResultOn(FleetState fleet, HostId host, VmId vm, string action) =>
        fleet.StatusOn(host, vm)?.Results.FirstOrDefault(result => result.Id == action);

    // Who was to carry it out is gone with the VM, or the VM is: nothing will come of it, and a takeover must not wait
    // for its time to be over.
    private static string? WhyLost(FleetState fleet, VmRecord vm, PendingAction pending)
    {
        if (pending.Action.Kind == VmActionKind.TakeoverConsent) return HandBackPlanner.WhyLost(fleet, vm, pending);
        // Its old copy is to be asked for then, which is an action of its own.
        if (HandBackPlanner.WhyGivenUp(fleet, vm) is { } gaveUp) return gaveUp;
        if (TakeoverPlanner.WhyOwnerIsOff(fleet, vm) is { } off) return off;
        bool moves = pending.Action.Kind is VmActionKind.Swap or VmActionKind.Takeover;
        if (!moves && vm.Primary != pending.Target) return $"the VM has moved from {pending.Target} to {vm.Primary}";
        return pending.Action.Kind == VmActionKind.Takeover ? null : TakeoverPlanner.WhyMayBeOff(fleet, vm);
    }

    // An agent that dies right after the VM began to run never says so.
    private static VmActionResult? ConcludedTakeover(FleetState fleet, VmRecord vm, PendingAction pending)
    {
        if (pending.Action.Kind != VmActionKind.Takeover || Waited(fleet, vm, pending) < FleetTimes.SwapResultGrace)
            return null;
        if (!AssignmentPlanner.IsKnownToRun(fleet, vm)) return null;
        return new VmActionResult
        {
            Id = pending.Action.Id,
            Succeeded = true,
            Detail = $"it runs on {vm.Primary}, whose agent never said how the takeover went",
        };
    }

    // The old primary may die after the fence was won: the swap is done all the same, only nobody tells its times.
    private static VmActionResult? ConcludedSwap(FleetState fleet, VmRecord vm, PendingAction pending)
    {
        if (pending.Action.Kind != VmActionKind.Swap || vm.Ownership.Generation == pending.Generation) return null;
        if (Waited(fleet, vm, pending) < FleetTimes.SwapResultGrace) return null;
        var status = fleet.StatusOn(vm.Primary, vm.Name);
        if (status is not { Guest: GuestState.Running } || status.Generation != vm.Ownership.Generation) return null;
        if (vm.Primary == pending.Target) return Failed(pending, $"{pending.Target} won the VM back and runs it");
        return new VmActionResult
        {
            Id = pending.Action.Id,
            Succeeded = true,
            Detail = $"it runs on {vm.Primary}; {pending.Target} never said how the swap went",
            Epoch = status.Sync.Acknowledged,
        };
    }
}
