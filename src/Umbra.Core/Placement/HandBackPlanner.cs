using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>
/// Hands a VM back to the host that ran it before, where nothing is left of it on the one that won it since: the winner
/// lost its memory before the VM ran there and gave its generation up for good, so that no copy ever ran under it; or
/// the VM died there before it was known to run (it has no shadow yet), and the copy kept is as good as what was won.
/// </summary>
/// <remarks>
/// What the old host last reported proves nothing. Its copy goes for two reasons: the winner's message that the VM runs
/// there, which the controller does not see, or the controller's own word (a VM that was to be off meanwhile needs no
/// old copy). Either may have come after the report was sent, or be on its way. So the host is asked first, by an
/// action with an id of its own, which the record keeps over a restart of the controller. Its yes can only have been
/// said after the question, and from then on it does not heed the winner; and as long as the question is open the
/// controller tells it to destroy nothing, while an agent drops an answer that is older than its newest report. So from
/// the yes to the claim the copy is there.
/// </remarks>
internal static class HandBackPlanner
{
    private const string IdStart = "hand-back-";

    /// <summary>Asks a host that keeps the VM's old copy to keep it whatever comes; null: there is no reason.</summary>
    internal static VmPlan? Ask(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (vm.Action is not null || WhyDue(fleet, vm) is not { } reason || AskedLately(fleet, vm)) return null;
        HostId[] keepers = [.. Keepers(fleet, vm)];
        if (keepers is not [var keeper, ..]) return null;
        // Counted, not dated: a clock that was set back must not make an old yes the answer to a new question.
        long asked = vm.Changes + 1;
        string id = $"{IdStart}{vm.Ownership.Generation.Value}-{asked}";
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
        string? reason = vm.Ownership.Generation == pending.Generation ? WhyDue(fleet, vm) : null;
        if (!result.Succeeded || reason is null)
        {
            string why = result.Succeeded ? "the VM is not to be handed back any more" : result.Detail;
            return ActionPlanner.Finish(vm, pending, result with { Succeeded = false, Detail = why });
        }

        string id = TakeoverPlanner.PublicId(pending.Action.Id);
        var next = TakeoverPlanner.Claimed(vm.WithResult(result), pending.Target, id, out var claim);
        // A shadow that was placed for the winner meanwhile has never got an epoch.
        if (vm.Shadow is { } shadow && shadow != pending.Target) next = next.WithRemains(shadow);
        string text = $"{pending.Target} gets the VM back, {next.Ownership.Generation}: {reason}";
        return new VmPlan(next, [new PlannedEvent("fence.won", pending.Target, text)], Claim: claim);
    }

    /// <summary>Why nothing comes of the question: who was asked has no such copy now; null: something may.</summary>
    internal static string? WhyLost(FleetState fleet, VmRecord vm, PendingAction pending) =>
        IsAsked(vm, pending) && !Keepers(fleet, vm).Contains(pending.Target)
            ? $"{pending.Target} does not keep the copy any more" : null;

    /// <summary>
    /// The VM's owner says that no copy ran under the newest generation, or ever will; null: it does not.
    /// </summary>
    internal static string? WhyGivenUp(FleetState fleet, VmRecord vm) =>
        fleet.StatusOn(vm.Primary, vm.Name)?.GivenUp == vm.Ownership.Generation
            ? $"{vm.Primary} lost its memory before the VM ran there under {vm.Ownership.Generation}, and gave it up"
            : null;

    /// <summary>
    /// Hosts that are heard and keep the copy that was claimed from: it stands still, or does not know yet that it was
    /// to. Its generation tells: an older copy is not the newest.
    /// </summary>
    internal static IEnumerable<HostId> Keepers(FleetState fleet, VmRecord vm) =>
        vm.Remains.Where(name => fleet.Host(name) is { } host && host.IsAlive(fleet.Now)
            && fleet.StatusOn(name, vm.Name) is
            { Role: VmRole.Primary, Guest: GuestState.Paused or GuestState.Running } status
            && status.Generation.Next == vm.Ownership.Generation);

    private static string? WhyDue(FleetState fleet, VmRecord vm)
    {
        if (WhyGivenUp(fleet, vm) is { } gaveUp) return gaveUp;
        bool isWanted = vm.Policy.Takeover == TakeoverMode.Automatic && vm.Power == DesiredPower.Running;
        return isWanted && vm.Shadow is null ? TakeoverPlanner.WhyOwnerIsOff(fleet, vm) : null;
    }

    // Who has refused is not asked again at once.
    private static bool AskedLately(FleetState fleet, VmRecord vm) =>
        vm.History.Count > 0 && vm.History[^1] is { Result.Succeeded: false } last
        && last.Pending.Action.Id.StartsWith(IdStart, StringComparison.Ordinal)
        && fleet.ActionAge(vm.Name, last.Pending.Action.Id) < Policy.FleetTimes.TakeoverRetry;
}
