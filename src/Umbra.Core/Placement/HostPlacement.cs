using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;

namespace Umbra.Core.Placement;

/// <summary>Why one host was not chosen.</summary>
public sealed record HostRefusal(HostId Host, string Reason);

/// <summary>
/// Where something goes, or why nowhere. The texts are made when they are asked for: the planner looks for a place four
/// times a second, and seldom does anyone read why there was none.
/// </summary>
/// <param name="host">The host chosen; null: none will do.</param>
/// <param name="suspects">Hosts that would do but for a verdict against their hardware; a better one was found.</param>
/// <param name="whyNot">
/// Hosts that will not do for another reason. It is to be asked while the fleet is as it was at the choice.
/// </param>
public sealed class PlacementChoice(
    HostId? host, IReadOnlyList<HostRefusal> suspects, Func<IEnumerable<HostRefusal>> whyNot)
{
    /// <summary>The host chosen; null: none will do.</summary>
    public HostId? Host => host;

    /// <summary>
    /// Hosts that would do but for a verdict against their hardware, where a better one was found. In order of name.
    /// </summary>
    public IReadOnlyList<HostRefusal> Suspects => suspects;

    /// <summary>Hosts that will not do, in order of name, each with its reason.</summary>
    public IReadOnlyList<HostRefusal> Refusals() =>
        [.. whyNot().Concat(suspects).OrderBy(static refusal => refusal.Host.Value, StringComparer.Ordinal)];

    /// <summary>The refusals in one line for people.</summary>
    public string Explain()
    {
        var refusals = Refusals();
        return refusals.Count == 0
            ? "the fleet has no host"
            : string.Join("; ", refusals.Select(static refusal => $"{refusal.Host} {refusal.Reason}"));
    }
}

/// <summary>
/// Chooses hosts. A shadow must share no failure domain with its primary, and both need a host that is heard, not
/// cordoned and has the memory. Of those that will do, the one wins against whose hardware least speaks, then the one
/// with the most memory left, then the first by name. A suspected host is better than none: the shadow is there for
/// the primary's failure, and no move by suspicion goes where it is no better.
/// </summary>
public static class HostPlacement
{
    /// <summary>Where a new VM should run; <paramref name="utcNow"/> ages what hardware told.</summary>
    public static PlacementChoice ChoosePrimary(FleetState fleet, VmDefinition vm, DateTimeOffset utcNow) => Choose(
        fleet, host => ObstacleOn(fleet, host, vm) == Obstacle.None, host => WhyNotPrimary(fleet, host, vm), utcNow);

    /// <summary>Where the VM's shadow should be; <paramref name="utcNow"/> ages what hardware told.</summary>
    public static PlacementChoice ChooseShadow(FleetState fleet, VmRecord vm, DateTimeOffset utcNow) => Choose(
        fleet, host => ObstacleOfShadow(fleet, host, vm) == Obstacle.None, host => WhyNotShadow(fleet, host, vm),
        utcNow);

    /// <summary>Why no host can hold the VM's shadow, each with its own reason; null: one can.</summary>
    public static string? WhyNoShadow(FleetState fleet, VmRecord vm)
    {
        foreach (var host in fleet.Hosts)
        {
            if (ObstacleOfShadow(fleet, host, vm) == Obstacle.None) return null;
        }

        return new PlacementChoice(null, [], () => Refusals(fleet, host => WhyNotShadow(fleet, host, vm))).Explain();
    }

    /// <summary>Why <paramref name="host"/> cannot run the VM; null: it can.</summary>
    public static string? WhyNotPrimary(FleetState fleet, HostState host, VmDefinition vm) =>
        Describe(ObstacleOn(fleet, host, vm), fleet, host, vm);

    /// <summary>Why <paramref name="host"/> cannot hold the VM's shadow; null: it can.</summary>
    public static string? WhyNotShadow(FleetState fleet, HostState host, VmRecord vm) =>
        ObstacleOfShadow(fleet, host, vm) switch
        {
            Obstacle.IsPrimary => "is the primary's",
            Obstacle.PrimaryUnknown =>
                $"cannot be compared: the primary's host {vm.Primary} has not reported yet",
            Obstacle.SharedDomain => "shares "
                + SharedDomains(fleet.Host(vm.Primary)!.Record.Description!, host.Record.Description!)
                + $" with the primary's host {vm.Primary}",
            var other => Describe(other, fleet, host, vm.Definition),
        };

    /// <summary>Whether two hosts share any failure domain.</summary>
    public static bool ShareDomain(HostDescription one, HostDescription other) =>
        one.Rack == other.Rack || one.PowerFeed == other.PowerFeed || one.NetworkSegment == other.NetworkSegment;

    /// <summary>Failure domains that two hosts share, for people; empty: none.</summary>
    public static string SharedDomains(HostDescription one, HostDescription other)
    {
        var shared = new List<string>();
        if (one.Rack == other.Rack) shared.Add($"rack {one.Rack}");
        if (one.PowerFeed == other.PowerFeed) shared.Add($"power feed {one.PowerFeed}");
        if (one.NetworkSegment == other.NetworkSegment) shared.Add($"network segment {one.NetworkSegment}");
        return string.Join(" and ", shared);
    }

    private static string Range(IReadOnlyList<string> types, string machine)
    {
        string family = machine[..(machine.LastIndexOf('-') + 1)];
        string[] same = [.. types.Where(t => t.StartsWith(family, StringComparison.Ordinal))];
        return same.Length == 0 ? $"it has no {family}*" : $"it has {string.Join(", ", same)}";
    }

    /// <summary>What the host lacks for the VM, besides what the VM has there already; null: nothing.</summary>
    public static string? WhyTooSmall(FleetState fleet, HostState host, VmDefinition vm) =>
        Describe(Lacks(fleet, host.Record.Description!, vm), fleet, host, vm);

    private static Obstacle ObstacleOn(FleetState fleet, HostState host, VmDefinition vm)
    {
        if (host.Record.Description is not { } description) return Obstacle.NotReported;
        if (!host.IsAlive(fleet.Now)) return Obstacle.Silent;
        if (host.Record.Cordon is not null) return Obstacle.Cordoned;
        // A machine type that is too new, or so old that this QEMU has dropped it.
        return description.MachineTypes.Count == 0 || description.MachineTypes.Contains(vm.Machine)
            ? Lacks(fleet, description, vm)
            : Obstacle.OtherQemu;
    }

    private static Obstacle ObstacleOfShadow(FleetState fleet, HostState host, VmRecord vm)
    {
        if (host.Name == vm.Primary) return Obstacle.IsPrimary;
        var obstacle = ObstacleOn(fleet, host, vm.Definition);
        if (obstacle != Obstacle.None) return obstacle;
        if (fleet.Host(vm.Primary)?.Record.Description is not { } primary) return Obstacle.PrimaryUnknown;
        return ShareDomain(primary, host.Record.Description!) ? Obstacle.SharedDomain : Obstacle.None;
    }

    private static Obstacle Lacks(FleetState fleet, HostDescription host, VmDefinition vm)
    {
        if (!host.Accelerators.Contains(vm.Accelerator)) return Obstacle.NoAccelerator;
        if (host.Cpus < vm.Cpus) return Obstacle.FewCpus;
        return FreeBytes(fleet, host, vm) >= vm.MemoryBytes ? Obstacle.None : Obstacle.LittleMemory;
    }

    // What the VM has there already makes room for itself.
    private static long FreeBytes(FleetState fleet, HostDescription host, VmDefinition vm) =>
        host.MemoryBytes - fleet.ReservedBytes(host.Name) + (fleet.IsOn(vm.Name, host.Name) ? vm.MemoryBytes : 0);

    private static string? Describe(Obstacle obstacle, FleetState fleet, HostState host, VmDefinition vm)
    {
        var there = host.Record.Description;
        return obstacle switch
        {
            Obstacle.None => null,
            Obstacle.NotReported => "has not reported yet",
            Obstacle.Silent => $"is not heard (for {host.Clock.Silence(fleet.Now).TotalSeconds:0} s)",
            Obstacle.Cordoned => $"is cordoned ({host.Record.Cordon})",
            Obstacle.OtherQemu => $"does not know the machine type {vm.Machine} "
                + $"({there!.QemuVersion}: {Range(there.MachineTypes, vm.Machine)})",
            Obstacle.NoAccelerator =>
                $"does not offer {vm.Accelerator} (only {string.Join(", ", there!.Accelerators)})",
            Obstacle.FewCpus => $"has {there!.Cpus} CPUs, {vm.Cpus} are needed",
            _ => $"has {ByteText.Of(Math.Max(0, FreeBytes(fleet, there!, vm)))} of {ByteText.Of(there!.MemoryBytes)} "
                + $"memory left, {ByteText.Of(vm.MemoryBytes)} is needed",
        };
    }

    private static PlacementChoice Choose(
        FleetState fleet, Func<HostState, bool> willDo, Func<HostState, string?> whyNot, DateTimeOffset utcNow)
    {
        HostId? best = null;
        (double Weight, long Free) bestIs = default;
        List<(HostId Host, Suspicion Suspicion)>? suspects = null;
        foreach (var host in fleet.Hosts)
        {
            if (!willDo(host)) continue;
            // What the VM still has there counts here: a new shadow rather goes where no old copy is in the way.
            long free = host.Record.Description!.MemoryBytes - fleet.ReservedBytes(host.Name);
            // What speaks against a host takes longest to find out, and can make no winner of this one.
            if (best is not null && bestIs.Weight == 0 && free <= bestIs.Free) continue;
            var suspicion = SuspicionPlanner.AgainstHost(fleet, host, utcNow);
            double weight = suspicion.Weight < DecisionLimits.WatchWeight ? 0 : suspicion.Weight;
            if (weight >= DecisionLimits.SwapWeight) (suspects ??= []).Add((host.Name, suspicion));
            if (best is not null && (weight, -free).CompareTo((bestIs.Weight, -bestIs.Free)) >= 0) continue;
            best = host.Name;
            bestIs = (weight, free);
        }

        IReadOnlyList<HostRefusal> passedOver = suspects is null ? [] : WorseThan(suspects, bestIs.Weight);
        return new PlacementChoice(best, passedOver, () => Refusals(fleet, whyNot));
    }

    private static HostRefusal[] WorseThan(List<(HostId Host, Suspicion Suspicion)> suspects, double weight) =>
    [
        .. suspects.Where(one => one.Suspicion.Weight > weight)
            .Select(static one => new HostRefusal(one.Host, $"is suspected ({one.Suspicion.Explanation})")),
    ];

    private static IEnumerable<HostRefusal> Refusals(FleetState fleet, Func<HostState, string?> whyNot) =>
        from host in fleet.Hosts
        let reason = whyNot(host)
        where reason is not null
        select new HostRefusal(host.Name, reason);

    // What keeps a host from being chosen, without the words for it.
    private enum Obstacle
    {
        None,
        NotReported,
        Silent,
        Cordoned,
        OtherQemu,
        NoAccelerator,
        FewCpus,
        LittleMemory,
        IsPrimary,
        PrimaryUnknown,
        SharedDomain,
    }
}
