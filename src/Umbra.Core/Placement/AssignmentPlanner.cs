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
            if (role != VmRole.None || ActionFor(vm, host) is not null || !MayDestroy(fleet, vm, host))
                assignments.Add(Assign(fleet, vm, host, role));
            else
                removed.Add(vm.Name);
        }

        return (assignments, removed);
    }

    /// <summary>
    /// Whether the copy on <paramref name="host"/>, which is nobody's, may go: the VM is deleted or off, or it is known
    /// to run where it belongs and has as good a shadow as that copy may be. Until then it may be the only whole one.
    /// </summary>
    public static bool MayDestroy(FleetState fleet, VmRecord vm, HostId host) =>
        IsSettled(fleet, vm) && (vm.Deleting || vm.Power == DesiredPower.Stopped || !IsSpareShadow(fleet, vm, host));

    /// <summary>
    /// Whether nobody can need another copy to run the VM from: it is deleted, or off and its host is heard and has it,
    /// or known to run where it belongs. A host that won the VM and says that it is still a shadow has not begun to run
    /// it, and may yet give it up.
    /// </summary>
    public static bool IsSettled(FleetState fleet, VmRecord vm) => vm.Deleting
        || (vm.Power == DesiredPower.Stopped && IsHeard(fleet, vm.Primary)
            && !HoldsShadow(fleet, vm, vm.Primary))
        || IsKnownToRun(fleet, vm);

    /// <summary>
    /// Whether the VM is known to run where it belongs. What a host said before it fell silent proves nothing: the
    /// VM may have died with it.
    /// </summary>
    public static bool IsKnownToRun(FleetState fleet, VmRecord vm) =>
        IsHeard(fleet, vm.Primary)
        && fleet.StatusOn(vm.Primary, vm.Name) is
        { Role: VmRole.Primary, Guest: GuestState.Running or GuestState.Paused } status
        && status.Generation == vm.Ownership.Generation;

    /// <summary>Whether the host has the VM's shadow, or an old one, by its agent's word.</summary>
    public static bool HoldsShadow(FleetState fleet, VmRecord vm, HostId host) =>
        fleet.StatusOn(host, vm.Name) is { Role: VmRole.Shadow };

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

    private static bool IsHeard(FleetState fleet, HostId name) =>
        fleet.Host(name) is { } host && host.IsAlive(fleet.Now);

    // A shadow that was given up is all there is besides the primary until the new one is complete. An agent that has
    // just started and not looked yet names no VM, so a copy it does not name may be one too; the old primary's is not.
    private static bool IsSpareShadow(FleetState fleet, VmRecord vm, HostId host) =>
        vm.Policy.Enabled && (HoldsShadow(fleet, vm, host) || fleet.StatusOn(host, vm.Name) is null)
        && !HasWholeShadow(fleet, vm);

    private static bool HasWholeShadow(FleetState fleet, VmRecord vm) =>
        vm.Shadow is { } shadow && IsHeard(fleet, shadow) && HoldsShadow(fleet, vm, shadow)
        && fleet.StatusOn(shadow, vm.Name)!.Sync.Acknowledged != EpochNumber.None;

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
