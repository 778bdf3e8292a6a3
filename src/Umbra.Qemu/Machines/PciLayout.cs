using System.Globalization;
using Umbra.Core.Api;

namespace Umbra.Qemu.Machines;

/// <summary>
/// Where each device sits on the PCI bus. The device state names devices by their address, so both sides of a pair must
/// agree: addresses are a function of the definition alone, and once given they stay.
/// On q35: disks from slot 2, NICs from slot 10, hot-plug root ports <c>hp0</c>.. from slot 16; 0 and 31 are the
/// chipset's.
/// </summary>
public static class PciLayout
{
    /// <summary>Root ports kept for hot-plug. Each costs 4 KiB of device state an epoch.</summary>
    public const int HotPlugPorts = 4;

    /// <summary>Disks that a VM may have without hot-plug.</summary>
    public const int DisksMax = 8;

    /// <summary>NICs that a VM may have without hot-plug.</summary>
    public const int NicsMax = 6;

    private const int FirstDiskSlot = 2;
    private const int FirstNicSlot = 10;
    private const int FirstPortSlot = 16;

    /// <summary>Slot of a device on a root port.</summary>
    public const string PortAddress = "0x0";

    /// <summary>The machine's root bus.</summary>
    public static string RootBus(string machine) =>
        machine.Contains("q35", StringComparison.Ordinal) ? "pcie.0" : "pci.0";

    /// <summary>Name of hot-plug root port <paramref name="index"/>.</summary>
    public static string Port(int index) => "hp" + index.ToString(CultureInfo.InvariantCulture);

    /// <summary>Address of hot-plug root port <paramref name="index"/> on the root bus.</summary>
    public static string PortSlot(int index) => Slot(FirstPortSlot + index);

    /// <summary>
    /// The definition with an address for every device that has none. Devices that have one keep it.
    /// </summary>
    /// <returns>Null when there is no room; the limits are <see cref="DisksMax"/> and <see cref="NicsMax"/>.</returns>
    public static VmDefinition? Assign(VmDefinition vm)
    {
        var taken = new HashSet<string>(
            vm.Disks.Select(d => (d.Bus, d.Address)).Concat(vm.Nics.Select(n => (n.Bus, n.Address)))
                .Where(a => a.Bus is null && a.Address is not null)
                .Select(a => Normal(a.Address!)),
            StringComparer.Ordinal);
        var disks = new List<DiskDefinition>();
        foreach (DiskDefinition disk in vm.Disks)
        {
            string? address = disk.Address ?? FirstFree(taken, FirstDiskSlot, DisksMax);
            if (address is null) return null;
            disks.Add(disk with { Address = address });
        }

        var nics = new List<NicDefinition>();
        foreach (NicDefinition nic in vm.Nics)
        {
            string? address = nic.Address ?? FirstFree(taken, FirstNicSlot, NicsMax);
            if (address is null) return null;
            nics.Add(nic with { Address = address });
        }

        return vm with { Disks = disks, Nics = nics };
    }

    /// <summary>
    /// <paramref name="wanted"/> with a free root port for every device that <paramref name="running"/> does not have.
    /// </summary>
    /// <returns>Null when the root ports do not suffice.</returns>
    public static VmDefinition? PlaceHotPlugged(VmDefinition running, VmDefinition wanted)
    {
        VmDefinition placed = wanted;
        foreach (DiskDefinition disk in wanted.Disks.Where(w => running.Disks.All(r => r.Id != w.Id)))
        {
            if (FreePort(placed) is not { } port) return null;
            DiskDefinition on = disk with { Bus = port, Address = PortAddress };
            placed = placed with { Disks = [.. placed.Disks.Select(d => d.Id == disk.Id ? on : d)] };
        }

        foreach (NicDefinition nic in wanted.Nics.Where(w => running.Nics.All(r => r.Id != w.Id)))
        {
            if (FreePort(placed) is not { } port) return null;
            NicDefinition on = nic with { Bus = port, Address = PortAddress };
            placed = placed with { Nics = [.. placed.Nics.Select(n => n.Id == nic.Id ? on : n)] };
        }

        return placed;
    }

    /// <summary>
    /// The first hot-plug root port that no device of the definition sits on; null when all are taken.
    /// </summary>
    public static string? FreePort(VmDefinition vm)
    {
        for (int i = 0; i < HotPlugPorts; i++)
        {
            if (vm.Disks.All(d => d.Bus != Port(i)) && vm.Nics.All(n => n.Bus != Port(i))) return Port(i);
        }

        return null;
    }

    private static string? FirstFree(HashSet<string> taken, int first, int count)
    {
        for (int i = first; i < first + count; i++)
        {
            if (taken.Add(Slot(i))) return Slot(i);
        }

        return null;
    }

    private static string Slot(int number) => "0x" + number.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>QEMU takes <c>2</c>, <c>0x2</c>, <c>02.0</c> for the same slot.</summary>
    private static string Normal(string address)
    {
        string slot = address.Split('.')[0];
        string digits = slot.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? slot[2..] : slot;
        return int.TryParse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int n)
            ? Slot(n)
            : address;
    }
}
