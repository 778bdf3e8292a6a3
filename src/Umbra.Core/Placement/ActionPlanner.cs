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
            return pending.Action.Kind == VmActionKind.TakeoverConsent
                ? TakeoverPlanner.AfterConsent(fleet, vm, pending, result, utcNow)
                : Finish(vm, pending, result);
        }

        if (ConcludedSwap(fleet, vm, pending) is { } concluded) return Finish(vm, pending, concluded);
        var waited = Waited(fleet, vm, pending);
        return waited < FleetTimes.ActionTimeout(pending.Action.Kind) ? null : Finish(vm, pending, Failed(
            pending,
            $"{pending.Target} gave no result within {waited.TotalSeconds:0} s; what it did shows in the status"));
    }

    /// <summary>Ends the action by <paramref name="result"/>.</summary>
    internal static VmPlan Finish(VmRecord vm, PendingAction pending, VmActionResult result)
    {
        string kind = $"{EventName(pending.Action.Kind)}.{(result.Succeeded ? "completed" : "failed")}";
        return new VmPlan(vm.WithResult(result), [new PlannedEvent(kind, pending.Target, result.Detail)]);
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
