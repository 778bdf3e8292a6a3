using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>The fleet's state as the API shows it.</summary>
public static class FleetViews
{
    /// <summary>One host.</summary>
    public static HostView Of(FleetState fleet, HostState host) => new()
    {
        Name = host.Name,
        Description = host.Record.Description,
        Alive = host.IsAlive(fleet.Now),
        Silence = host.Heard ? host.Clock.Silence(fleet.Now) : null,
        Cordon = host.Record.Cordon,
        Joined = host.Record.Joined,
        ReservedBytes = fleet.ReservedBytes(host.Name),
        Primaries = NamesOn(fleet, host.Name, VmRole.Primary),
        Shadows = NamesOn(fleet, host.Name, VmRole.Shadow),
        Removing = NamesOn(fleet, host.Name, VmRole.None),
    };

    /// <summary>One VM.</summary>
    public static VmView Of(FleetState fleet, VmRecord vm)
    {
        var primary = PrimaryStatus(fleet, vm);
        var (protection, reason) = ProtectionOf(fleet, vm);
        return new VmView
        {
            Definition = vm.Definition,
            Policy = vm.Policy,
            Power = vm.Power,
            Deleting = vm.Deleting,
            Generation = vm.Ownership.Generation,
            Primary = vm.Primary,
            Shadow = vm.Shadow,
            Protection = protection,
            Reason = reason,
            Guest = primary?.Guest ?? GuestState.Absent,
            PrimaryStatus = primary,
            ShadowStatus = vm.Shadow is { } shadow ? fleet.StatusOn(shadow, vm.Name) : null,
            StatusAge = fleet.Host(vm.Primary)?.Clock.Silence(fleet.Now) ?? TimeSpan.Zero,
            Action = vm.Action is { } pending ? Of(vm, pending) : null,
            Removing = vm.Remains,
        };
    }

    /// <summary>An action under way.</summary>
    public static ActionView Of(VmRecord vm, PendingAction pending) => new()
    {
        Action = pending.Action with { Id = TakeoverPlanner.PublicId(pending.Action.Id) },
        Vm = vm.Name,
        Target = pending.Target,
        Started = pending.Started,
    };

    /// <summary>
    /// The action with this public id, under way or among the last that ended; null: there is none.
    /// </summary>
    public static ActionView? Action(VmRecord vm, string id)
    {
        if (vm.Action is { } pending && IsOf(pending.Action.Id, id)) return Of(vm, pending);
        var finished = vm.History.LastOrDefault(finished => IsOf(finished.Pending.Action.Id, id));
        return finished is null ? null : Of(vm, finished.Pending) with { Result = finished.Result };
    }

    /// <summary>
    /// How well the VM is protected and why, from what both hosts say and whether they are heard at all.
    /// </summary>
    public static (ProtectionState State, string Reason) ProtectionOf(FleetState fleet, VmRecord vm)
    {
        if (vm.Deleting) return (ProtectionState.Unprotected, "it is being deleted");
        if (vm.Action?.Action.Kind is VmActionKind.Takeover or VmActionKind.TakeoverConsent)
            return (ProtectionState.Swapping, $"a takeover is under way: {vm.Action.Action.Reason}");
        var status = PrimaryStatus(fleet, vm);
        if (status is { Refusals.Count: > 0 })
            return (ProtectionState.Unprotected, $"{vm.Primary} refuses it: {string.Join("; ", status.Refusals)}");
        if (status?.Guest == GuestState.Starting)
            return (ProtectionState.Unprotected, $"{vm.Primary} does not get it to run: {status.Reason}");
        if (vm.Shadow is not { } shadow) return (ProtectionState.Unprotected, WhyNoShadow(fleet, vm));
        bool seeded = status is { Protection: not (ProtectionState.Unprotected or ProtectionState.Seeding) };
        if (WhoIsSilent(fleet, vm.Primary, shadow) is { } silent)
            return (seeded ? ProtectionState.Degraded : ProtectionState.Seeding, silent);
        return status is null
            ? (ProtectionState.Seeding, $"waiting for {vm.Primary} to begin under {vm.Ownership.Generation}")
            : (status.Protection, status.Reason);
    }

    /// <summary>
    /// The state alone: why a VM has no shadow takes a look at every host to say, and seldom does anyone ask.
    /// </summary>
    public static ProtectionState StateOf(FleetState fleet, VmRecord vm)
    {
        bool takeover = vm.Action?.Action.Kind is VmActionKind.Takeover or VmActionKind.TakeoverConsent;
        return vm.Shadow is null && !takeover ? ProtectionState.Unprotected : ProtectionOf(fleet, vm).State;
    }

    private static string WhyNoShadow(FleetState fleet, VmRecord vm)
    {
        if (!vm.Policy.Enabled) return $"protection is turned off ('umbra protect {vm.Name}' turns it on)";
        if (!vm.DefinitionKnown) return $"waiting for {vm.Primary} to look at the attached VM";
        return HostPlacement.WhyNoShadow(fleet, vm) is { } why
            ? "no host can hold its shadow: " + why
            : "its shadow is about to be placed";
    }

    private static string? WhoIsSilent(FleetState fleet, HostId primary, HostId shadow)
    {
        foreach (var (part, name) in new[] { ("primary", primary), ("shadow", shadow) })
        {
            if (fleet.Host(name) is not { } host || host.IsAlive(fleet.Now)) continue;
            return $"the {part}'s host {name} is not heard for {host.Clock.Silence(fleet.Now).TotalSeconds:0} s";
        }

        return null;
    }

    // What the primary says under an older generation is about a pair that is no more.
    private static VmStatus? PrimaryStatus(FleetState fleet, VmRecord vm) =>
        fleet.StatusOn(vm.Primary, vm.Name) is { Role: VmRole.Primary } status
        && status.Generation == vm.Ownership.Generation
            ? status
            : null;

    private static List<VmId> NamesOn(FleetState fleet, HostId host, VmRole role) =>
        [.. fleet.VmsOn(host).Where(vm => AssignmentPlanner.RoleOf(vm, host) == role).Select(static vm => vm.Name)];

    private static bool IsOf(string id, string asked) => TakeoverPlanner.PublicId(id) == asked;
}
