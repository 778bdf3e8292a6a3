using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>
/// Gives a VM back to the host that it was won from, when the winner lost its memory before the VM ran there. The
/// winner has given its generation up durably, so that no copy ever ran under it; the old one, which stands still or
/// does not know yet that it was to, is the newest there is, and goes on under the next generation. Nothing is lost.
/// </summary>
internal static class ReturnPlanner
{
    /// <summary>
    /// The claim on behalf of the old copy's host; null: nothing was given up, or there is no such copy.
    /// </summary>
    internal static VmPlan? GiveBack(FleetState fleet, VmRecord vm)
    {
        if (!IsGivenUp(fleet, vm)) return null;
        HostId[] keepers = [.. Keepers(fleet, vm, GuestState.Paused, GuestState.Running)];
        if (keepers is not [var keeper, ..]) return null;
        var next = TakeoverPlanner.Claimed(vm, keeper, $"give-back-{vm.Ownership.Generation.Value}", out var claim);
        // A shadow that was placed for the winner meanwhile has never got an epoch.
        if (vm.Shadow is { } shadow && shadow != keeper) next = next.WithRemains(shadow);
        string text = $"{keeper} gets the VM back, {next.Ownership.Generation}: {vm.Primary} lost its memory before "
            + $"the VM ran there under {vm.Ownership.Generation}, and gave it up";
        return new VmPlan(next, [new PlannedEvent("fence.won", keeper, text)], Claim: claim);
    }

    /// <summary>Whether the VM's owner says that no copy ran under the newest generation, or ever will.</summary>
    internal static bool IsGivenUp(FleetState fleet, VmRecord vm) =>
        fleet.StatusOn(vm.Primary, vm.Name)?.GivenUp == vm.Ownership.Generation;

    /// <summary>
    /// Hosts that are heard and keep the copy that was claimed from, its guest in one of these states. Its generation
    /// tells: an older copy is not the newest.
    /// </summary>
    internal static IEnumerable<HostId> Keepers(FleetState fleet, VmRecord vm, params GuestState[] states) =>
        vm.Remains.Where(name => fleet.Host(name) is { } host && host.IsAlive(fleet.Now)
            && fleet.StatusOn(name, vm.Name) is { Role: VmRole.Primary } status
            && states.Contains(status.Guest) && status.Generation.Next == vm.Ownership.Generation);
}
