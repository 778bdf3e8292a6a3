using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>Why one host was not chosen.</summary>
public sealed record HostRefusal(HostId Host, string Reason);

/// <summary>Where something goes, or why nowhere.</summary>
/// <param name="Host">The host chosen; null: none will do.</param>
/// <param name="Refusals">Hosts that will not do, in order of name, each with its reason.</param>
public sealed record PlacementChoice(HostId? Host, IReadOnlyList<HostRefusal> Refusals)
{
    /// <summary>The refusals in one line for people.</summary>
    public string Explain() => Refusals.Count == 0
        ? "the fleet has no host"
        : string.Join("; ", Refusals.Select(static refusal => $"{refusal.Host} {refusal.Reason}"));
}

/// <summary>
/// Chooses hosts. A shadow must share no failure domain with its primary, and both need a host that is heard, not
/// cordoned and has the memory. Of those that will do, the one with the most memory left wins, then the first by name.
/// </summary>
public static class HostPlacement
{
    /// <summary>Where a new VM should run.</summary>
    public static PlacementChoice ChoosePrimary(FleetState fleet, VmDefinition vm) =>
        Choose(fleet, vm.Name, host => WhyNotPrimary(fleet, host, vm));

    /// <summary>Where the VM's shadow should be.</summary>
    public static PlacementChoice ChooseShadow(FleetState fleet, VmRecord vm) =>
        Choose(fleet, vm.Name, host => WhyNotShadow(fleet, host, vm));

    /// <summary>Why <paramref name="host"/> cannot run the VM; null: it can.</summary>
    public static string? WhyNotPrimary(FleetState fleet, HostState host, VmDefinition vm)
    {
        if (host.Record.Description is not { } description) return "has not reported yet";
        if (!host.IsAlive(fleet.Now)) return $"is not heard (for {host.Clock.Silence(fleet.Now).TotalSeconds:0} s)";
        if (host.Record.Cordon is { } cordon) return $"is cordoned ({cordon})";
        return WhyOtherQemu(description, vm) ?? WhyTooSmall(fleet, description, vm);
    }

    /// <summary>Why <paramref name="host"/> cannot hold the VM's shadow; null: it can.</summary>
    public static string? WhyNotShadow(FleetState fleet, HostState host, VmRecord vm)
    {
        if (host.Name == vm.Primary) return "is the primary's";
        if (WhyNotPrimary(fleet, host, vm.Definition) is { } reason) return reason;
        var primary = fleet.Host(vm.Primary)?.Record.Description;
        if (primary is null) return $"cannot be compared: the primary's host {vm.Primary} has not reported yet";
        string shared = SharedDomains(primary, host.Record.Description!);
        return shared == "" ? null : $"shares {shared} with the primary's host {vm.Primary}";
    }

    /// <summary>Failure domains that two hosts share, for people; empty: none.</summary>
    public static string SharedDomains(HostDescription one, HostDescription other)
    {
        var shared = new List<string>();
        if (one.Rack == other.Rack) shared.Add($"rack {one.Rack}");
        if (one.PowerFeed == other.PowerFeed) shared.Add($"power feed {one.PowerFeed}");
        if (one.NetworkSegment == other.NetworkSegment) shared.Add($"network segment {one.NetworkSegment}");
        return string.Join(" and ", shared);
    }

    // A machine type that is too new, or so old that this QEMU has dropped it.
    private static string? WhyOtherQemu(HostDescription host, VmDefinition vm) =>
        host.MachineTypes.Count == 0 || host.MachineTypes.Contains(vm.Machine)
            ? null
            : $"does not know the machine type {vm.Machine} "
                + $"({host.QemuVersion}: {Range(host.MachineTypes, vm.Machine)})";

    private static string Range(IReadOnlyList<string> types, string machine)
    {
        string family = machine[..(machine.LastIndexOf('-') + 1)];
        string[] same = [.. types.Where(t => t.StartsWith(family, StringComparison.Ordinal))];
        return same.Length == 0 ? $"it has no {family}*" : $"it has {string.Join(", ", same)}";
    }

    /// <summary>What the host lacks for the VM, besides what the VM has there already; null: nothing.</summary>
    public static string? WhyTooSmall(FleetState fleet, HostDescription host, VmDefinition vm)
    {
        if (!host.Accelerators.Contains(vm.Accelerator))
            return $"does not offer {vm.Accelerator} (only {string.Join(", ", host.Accelerators)})";
        if (host.Cpus < vm.Cpus) return $"has {host.Cpus} CPUs, {vm.Cpus} are needed";
        // What the VM has there already makes room for itself.
        long own = fleet.IsOn(vm.Name, host.Name) ? vm.MemoryBytes : 0;
        long free = host.MemoryBytes - fleet.ReservedBytes(host.Name) + own;
        return free >= vm.MemoryBytes
            ? null
            : $"has {ByteText.Of(Math.Max(0, free))} of {ByteText.Of(host.MemoryBytes)} memory left, "
                + $"{ByteText.Of(vm.MemoryBytes)} is needed";
    }

    private static PlacementChoice Choose(FleetState fleet, VmId vm, Func<HostState, string?> whyNot)
    {
        HostId? best = null;
        long bestFree = long.MinValue;
        var refusals = new List<HostRefusal>();
        foreach (var host in fleet.Hosts)
        {
            if (whyNot(host) is { } reason)
            {
                refusals.Add(new HostRefusal(host.Name, reason));
                continue;
            }

            // What the VM still has there counts here: a new shadow rather goes where no old copy is in the way.
            long free = host.Record.Description!.MemoryBytes - fleet.ReservedBytes(host.Name);
            if (free <= bestFree) continue;
            best = host.Name;
            bestFree = free;
        }

        Invariant.Holds(best is not null || refusals.Count == fleet.Hosts.Count(), $"every host was weighed for {vm}");
        return new PlacementChoice(best, refusals);
    }
}
