using System.Globalization;
using Umbra.Core.Api;

namespace Umbra.Qemu.Machines;

/// <summary>A disk that a running VM has.</summary>
/// <param name="Id">Device id.</param>
/// <param name="Bus">Id of the root port it sits on; null: on the root bus.</param>
/// <param name="Address">PCI slot there.</param>
/// <param name="NodeName">Block node, for mirror jobs.</param>
/// <param name="Path">Image file.</param>
/// <param name="Format">Image format.</param>
/// <param name="Bytes">Size that the guest sees.</param>
/// <param name="IsDirect">Whether the host's page cache is bypassed.</param>
/// <param name="IsReadOnly">Whether the guest may only read it.</param>
public sealed record ObservedDisk(
    string Id, string? Bus, string Address, string NodeName, string Path, string Format, long Bytes, bool IsDirect,
    bool IsReadOnly = false);

/// <summary>A NIC that a running VM has.</summary>
/// <param name="Id">Device id.</param>
/// <param name="Bus">Id of the root port it sits on; null: on the root bus.</param>
/// <param name="Address">PCI slot there.</param>
/// <param name="Mac">MAC address.</param>
/// <param name="Tap">Tap interface; empty when its back end is no tap.</param>
public sealed record ObservedNic(string Id, string? Bus, string Address, string Mac, string Tap);

/// <summary>The disks and NICs that a running VM has, as QEMU tells.</summary>
public sealed record ObservedDevices(IReadOnlyList<ObservedDisk> Disks, IReadOnlyList<ObservedNic> Nics)
{
    /// <summary>
    /// The definition of the VM as it is now: devices plugged in from outside are added, those that went are dropped,
    /// known ones stay as they are defined. A change raises the revision.
    /// </summary>
    /// <param name="known">The definition so far.</param>
    /// <param name="bridgeOfTap">The bridge that a tap hangs on; empty when on none.</param>
    public VmDefinition Update(VmDefinition known, Func<string, string> bridgeOfTap)
    {
        DiskDefinition[] disks = [.. Disks.Select(d => known.Disks.FirstOrDefault(k => k.Id == d.Id) ?? Define(d))];
        NicDefinition[] nics =
            [.. Nics.Select(n => known.Nics.FirstOrDefault(k => k.Id == n.Id) ?? Define(n, bridgeOfTap(n.Tap)))];
        // The order in which the definition names devices stays: a disk's number in the protocol is its place.
        disks = [.. disks.OrderBy(d => PlaceIn(known.Disks.Select(k => k.Id), d.Id))];
        nics = [.. nics.OrderBy(n => PlaceIn(known.Nics.Select(k => k.Id), n.Id))];
        return disks.SequenceEqual(known.Disks) && nics.SequenceEqual(known.Nics)
            ? known
            : known with { Disks = disks, Nics = nics, Revision = known.Revision + 1 };
    }

    private static DiskDefinition Define(ObservedDisk disk) => new()
    {
        Id = disk.Id,
        Bytes = disk.Bytes,
        SourcePath = disk.Path,
        Format = disk.Format,
        Bus = disk.Bus,
        Address = disk.Address,
    };

    private static NicDefinition Define(ObservedNic nic, string bridge) =>
        new() { Id = nic.Id, Mac = nic.Mac, Bridge = bridge, Bus = nic.Bus, Address = nic.Address };

    private static int PlaceIn(IEnumerable<string> ids, string id) => ids.TakeWhile(i => i != id).Count();

    internal static string AddressOf(int slot, int function)
    {
        string text = "0x" + slot.ToString("x", CultureInfo.InvariantCulture);
        return function == 0 ? text : text + "." + function.ToString(CultureInfo.InvariantCulture);
    }
}
