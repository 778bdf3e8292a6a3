using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;
using Umbra.Core.Swap;

namespace Umbra.Core.Placement;

/// <summary>Something that the controller should record.</summary>
public sealed record PlannedEvent(string Kind, HostId? Host, string Text);

/// <summary>What becomes of a VM.</summary>
/// <param name="Vm">Its record from now on; the same object when nothing changes.</param>
/// <param name="Events">What to record.</param>
/// <param name="Gone">Whether the VM is deleted and nothing of it remains.</param>
/// <param name="Claim">
/// The claim by which the record's ownership changed, on behalf of a host; null: it did not. The record may only be
/// kept if the stored register still is what the plan began with.
/// </param>
/// <param name="Cordon">A host on which nothing new is to be placed from now on; null: none.</param>
public sealed record VmPlan(
    VmRecord Vm, IReadOnlyList<PlannedEvent> Events, bool Gone = false, FenceClaim? Claim = null,
    PlannedCordon? Cordon = null)
{
    /// <summary>Whether everything stays as it is.</summary>
    public bool ChangesNothingOf(VmRecord vm) => !Gone && Cordon is null && ReferenceEquals(Vm, vm);
}

/// <summary>A host to be cordoned, and why.</summary>
public sealed record PlannedCordon(HostId Host, string Reason);

/// <summary>
/// Decides, from the fleet's state alone, what becomes of each VM: where its shadow goes, what an action's result
/// means, when a takeover begins and when it may claim. One step at a time: the controller keeps a step's outcome and
/// asks again until nothing changes.
/// </summary>
public static class FleetPlanner
{
    // An event names so many of the hosts that a shadow was not placed on.
    private const int SuspectsNamedMax = 3;

    /// <summary>The next step for the VM.</summary>
    /// <param name="fleet">The fleet, its time set.</param>
    /// <param name="vm">The VM as it stands in the fleet.</param>
    /// <param name="utcNow">Wall-clock time, for records only.</param>
    public static VmPlan Step(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (vm.Deleting)
        {
            return vm.Remains.Count > 0
                ? Unchanged(vm)
                : new VmPlan(vm, [new PlannedEvent("vm.deleted", null, "nothing of it remains")], Gone: true);
        }

        return CordonSuspect(fleet, vm)
            ?? AdoptDefinition(fleet, vm)
            ?? ActionPlanner.Step(fleet, vm, utcNow)
            ?? HandBackPlanner.Ask(fleet, vm, utcNow)
            ?? TakeoverPlanner.BeginAutomatic(fleet, vm, utcNow)
            ?? SuspicionPlanner.Begin(fleet, vm, utcNow)
            ?? PlanShadow(fleet, vm, utcNow)
            ?? Unchanged(vm);
    }

    private static VmPlan Unchanged(VmRecord vm) => new(vm, []);

    // As soon as the VM has left it, before anything else can be placed there: its own new shadow, say.
    private static VmPlan? CordonSuspect(FleetState fleet, VmRecord vm)
    {
        if (vm.Action is not { Action: { Kind: VmActionKind.Swap, Suspect: true } action } pending) return null;
        if (vm.Primary == pending.Target || fleet.Host(pending.Target) is not { Record.Cordon: null }) return null;
        string reason = $"{vm.Name} was moved away on suspicion: {action.Reason}";
        return new VmPlan(vm, [new PlannedEvent("host.cordoned", pending.Target, reason)],
            Cordon: new PlannedCordon(pending.Target, reason));
    }

    // After an attach or a hot-plug the primary's agent knows the definition better than the controller.
    private static VmPlan? AdoptDefinition(FleetState fleet, VmRecord vm)
    {
        var status = fleet.StatusOn(vm.Primary, vm.Name);
        if (status is not { Role: VmRole.Primary, Definition: { } reported }) return null;
        if (status.Generation != vm.Ownership.Generation || reported.Name != vm.Name) return null;
        bool newer = reported.Revision >= vm.Definition.Revision && !VmRules.Same(reported, vm.Definition);
        if ((vm.DefinitionKnown && !newer) || VmRules.Check(reported).Count > 0) return null;
        var next = vm with { Definition = reported, DefinitionKnown = true, Changes = vm.Changes + 1 };
        return new VmPlan(next, [new PlannedEvent(
            "vm.definition", vm.Primary, $"its agent reports the definition, revision {reported.Revision}")]);
    }

    private static VmPlan? PlanShadow(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        bool wanted = vm.Policy.Enabled && vm.DefinitionKnown;
        if (vm.Action is not null) return null; // whatever is under way counts on the pair as it is
        if (vm.Shadow is { } shadow)
        {
            if (!wanted) return DropShadow(vm, shadow, "protection was turned off");
            return WhyMove(fleet, vm, shadow) is { } reason
                ? MoveShadow(fleet, vm, shadow, reason, utcNow)
                : null;
        }

        if (!wanted) return null;
        // Nothing would fill it, and as long as there is none the old copy may get the VM back.
        bool isKept = HandBackPlanner.Keepers(fleet, vm).Any();
        if (isKept && !AssignmentPlanner.IsSettled(fleet, vm)) return null;
        var choice = HostPlacement.ChooseShadow(fleet, vm, utcNow);
        if (choice.Host is not { } host) return null;
        // An old primary's copy there has to stay until the VM is known to run, and a new shadow would overwrite it; an
        // old shadow keeps its epoch until it has a newer one.
        bool free = !vm.Remains.Contains(host) || AssignmentPlanner.HoldsShadow(fleet, vm, host)
            || AssignmentPlanner.IsSettled(fleet, vm);
        return free ? PlaceShadow(vm, choice) : null;
    }

    private static string? WhyMove(FleetState fleet, VmRecord vm, HostId shadow)
    {
        if (fleet.Host(shadow) is not { } host) return null;
        // Else the shadow may be all that is left of the VM, and nothing would ever fill the new one.
        if (!AssignmentPlanner.IsKnownToRun(fleet, vm)) return null;
        var silence = host.Clock.Silence(fleet.Now);
        if (silence >= FleetTimes.ShadowMoveAfter) return $"its host is not heard for {silence.TotalSeconds:0} s";
        if (host.Record.Description is not { } there) return null;
        if (fleet.Host(vm.Primary)?.Record.Description is not { } here) return null;
        return HostPlacement.ShareDomain(here, there)
            ? $"its host shares {HostPlacement.SharedDomains(here, there)} with the primary's"
            : null;
    }

    // Where nothing better is to be had the old shadow stays: it may be all there is once its host is back.
    private static VmPlan? MoveShadow(
        FleetState fleet, VmRecord vm, HostId from, string reason, DateTimeOffset utcNow)
    {
        var choice = HostPlacement.ChooseShadow(fleet, vm, utcNow);
        if (choice.Host is null) return null;
        var dropped = DropShadow(vm, from, reason);
        var placed = PlaceShadow(dropped.Vm, choice);
        return placed with { Events = [.. dropped.Events, .. placed.Events] };
    }

    private static VmPlan DropShadow(VmRecord vm, HostId host, string reason) => new(
        vm.WithoutShadow().WithRemains(host),
        [new PlannedEvent("shadow.dropped", host, $"the shadow on {host} is given up: {reason}")]);

    private static VmPlan PlaceShadow(VmRecord vm, PlacementChoice choice)
    {
        var host = choice.Host!.Value;
        string suspects = string.Join("; ", choice.Suspects.Take(SuspectsNamedMax).Select(
            static suspect => $"{suspect.Host} {suspect.Reason}"));
        string text = $"its shadow goes to {host}" + (suspects == "" ? "" : $", for {suspects}");
        return new VmPlan(
            (vm with { Shadow = host, Lease = null, Changes = vm.Changes + 1 }).WithoutRemains(host),
            [new PlannedEvent("shadow.placed", host, text)]);
    }
}
