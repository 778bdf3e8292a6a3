using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>
/// Hands a VM back to the host that ran it before, where it died on the one that won it since, which was never known
/// to run it (it has no shadow yet): the copy kept there is as good as what was won.
/// </summary>
/// <remarks>
/// What that host last reported proves nothing. Its copy goes for two reasons: the winner's message that the VM runs
/// there, which the controller does not see, or the controller's own word. Either may have come after the report was
/// sent, or be on its way while the VM dies. So the host is asked first, by an action with an id of its own, which the
/// record keeps over a restart of the controller. Its yes can only have been said after the question, and from then on
/// it does not heed the winner; and as long as the question is open the controller tells it to destroy nothing, while
/// an agent drops an answer that is older than its newest report. So from the yes to the claim the copy is there.
/// </remarks>
internal static class HandBackPlanner
{
    /// <summary>Asks a host that keeps the VM's old copy to keep it whatever comes; null: there is no reason.</summary>
    internal static VmPlan? Ask(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (vm.Action is not null || vm.Shadow is not null || WhyDue(fleet, vm) is not { } reason) return null;
        if (TakeoverPlanner.TriedLately(fleet, vm)) return null;
        HostId[] keepers = [.. ReturnPlanner.Keepers(fleet, vm, GuestState.Paused)];
        if (keepers is not [var keeper, ..]) return null;
        // Counted, not dated: a clock that was set back must not make an old yes the answer to a new question.
        long asked = vm.Changes + 1;
        string id = $"hand-back-{vm.Ownership.Generation.Value}-{asked}";
        var action = new VmAction(id + TakeoverPlanner.ConsentSuffix, VmActionKind.TakeoverConsent, reason);
        string text = $"{keeper} is asked to keep its copy, to run the VM again: {reason}";
        return new VmPlan(
            vm with
            {
                Changes = asked,
                Action = new PendingAction(action, keeper, vm.Ownership.Generation, utcNow),
            },
            [new PlannedEvent("takeover.started", keeper, text)]);
    }

    /// <summary>Whether the action asks for an old copy, not for a shadow.</summary>
    internal static bool IsAsked(VmRecord vm, PendingAction pending) =>
        pending.Action.Kind == VmActionKind.TakeoverConsent && vm.Remains.Contains(pending.Target);

    /// <summary>The promise is in, or refused.</summary>
    internal static VmPlan AfterPromise(FleetState fleet, VmRecord vm, PendingAction pending, VmActionResult result)
    {
        bool same = vm.Ownership.Generation == pending.Generation && vm.Shadow is null;
        string? reason = same ? WhyDue(fleet, vm) : null;
        if (!result.Succeeded || reason is null)
        {
            string why = result.Succeeded ? "the VM is not to be handed back any more" : result.Detail;
            return ActionPlanner.Finish(vm, pending, result with { Succeeded = false, Detail = why });
        }

        string id = TakeoverPlanner.PublicId(pending.Action.Id);
        var next = TakeoverPlanner.Claimed(vm.WithResult(result), pending.Target, id, out var claim);
        string text = $"{pending.Target} gets the VM back, {next.Ownership.Generation}: {reason}";
        return new VmPlan(next, [new PlannedEvent("fence.won", pending.Target, text)], Claim: claim);
    }

    /// <summary>Why nothing comes of the question: who was asked has no such copy now; null: something may.</summary>
    internal static string? WhyLost(FleetState fleet, VmRecord vm, PendingAction pending) =>
        IsAsked(vm, pending) && !ReturnPlanner.Keepers(fleet, vm, GuestState.Paused).Contains(pending.Target)
            ? $"{pending.Target} does not keep the copy any more" : null;

    private static string? WhyDue(FleetState fleet, VmRecord vm) =>
        vm.Policy.Takeover == TakeoverMode.Automatic && vm.Power == DesiredPower.Running
            ? TakeoverPlanner.WhyOwnerIsOff(fleet, vm) : null;
}
