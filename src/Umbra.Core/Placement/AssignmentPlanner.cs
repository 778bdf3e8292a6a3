using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>
/// Computes what one host is told: its part in every VM it has to do with, and the copies it is to destroy. A pure
/// function of the fleet's state, so that a controller that starts anew tells the same.
/// </summary>
public static class AssignmentPlanner
{
    /// <summary>Everything the host should know, in order of the VMs' names.</summary>
    public static (IReadOnlyList<Assignment> Assignments, IReadOnlyList<VmId> Removed) For(
        FleetState fleet, HostId host)
    {
        var assignments = new List<Assignment>();
        var removed = new List<VmId>();
        foreach (var vm in fleet.VmsOn(host))
        {
            var role = RoleOf(vm, host);
            if (role != VmRole.None || ActionFor(vm, host) is not null || !MayDestroy(fleet, vm))
                assignments.Add(Assign(fleet, vm, host, role));
            else
                removed.Add(vm.Name);
        }

        return (assignments, removed);
    }

    /// <summary>
    /// Whether copies that are nobody's may go: the VM is deleted or off, or is known to run where it belongs. Until
    /// then an old copy may be the only whole one.
    /// </summary>
    public static bool MayDestroy(FleetState fleet, VmRecord vm) =>
        vm.Deleting || vm.Power == DesiredPower.Stopped
        || (fleet.StatusOn(vm.Primary, vm.Name) is { Role: VmRole.Primary } status
            && status.Generation == vm.Ownership.Generation
            && status.Guest is not (GuestState.Absent or GuestState.Starting));

    /// <summary>The host's part in the VM.</summary>
    public static VmRole RoleOf(VmRecord vm, HostId host)
    {
        if (vm.Deleting) return VmRole.None;
        if (vm.Primary == host) return VmRole.Primary;
        return vm.Shadow == host ? VmRole.Shadow : VmRole.None;
    }

    /// <summary>
    /// Sum of what <see cref="VmRecord.Changes"/> counts on the host: part of what its revision stands for.
    /// </summary>
    public static long ChangesOf(FleetState fleet, HostId host) => fleet.VmsOn(host).Sum(static vm => vm.Changes);

    private static VmAction? ActionFor(VmRecord vm, HostId host) =>
        vm.Action is { } pending && pending.Target == host ? pending.Action : null;

    // A host that has lost its part while it carries out an action (the old primary of a swap) keeps the action until
    // its result is in.
    private static Assignment Assign(FleetState fleet, VmRecord vm, HostId host, VmRole role)
    {
        HostId? peer = role switch
        {
            VmRole.Primary => vm.Shadow,
            _ => vm.Primary,
        };
        return new Assignment
        {
            Role = role,
            Generation = vm.Ownership.Generation,
            Vm = vm.Definition,
            Policy = vm.Policy,
            Peer = peer,
            PeerEndpoint = peer is { } name ? fleet.Host(name)?.Record.Description?.PairEndpoint : null,
            Power = vm.Power,
            Attach = role == VmRole.Primary ? vm.Attach : null,
            Action = ActionFor(vm, host),
        };
    }
}
