using System.Diagnostics;
using System.Text.Json.Nodes;
using Umbra.Core.Api;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>Devices of a running VM: which it has, and how to plug one in or out.</summary>
public static class QemuDevices
{
    private const string Peripheral = "/machine/peripheral/";

    /// <summary>The disks and NICs that the VM has now.</summary>
    public static async Task<QmpOutcome<ObservedDevices>> ObserveAsync(
        QmpSession monitor, TimeSpan deadline, CancellationToken cancel = default)
    {
        QmpOutcome<IReadOnlyList<QomProperty>> devices =
            await monitor.ExecuteAsync(QmpCommands.QomList(Peripheral.TrimEnd('/')), deadline, cancel);
        if (!devices.IsOk) return devices.As<ObservedDevices>();
        QmpOutcome<IReadOnlyList<BlockDeviceInfo>> blocks =
            await monitor.ExecuteAsync(QmpCommands.QueryBlock, deadline, cancel);
        if (!blocks.IsOk) return blocks.As<ObservedDevices>();
        QmpOutcome<string> network =
            await monitor.ExecuteAsync(QmpCommands.HumanMonitor("info network"), deadline, cancel);
        if (!network.IsOk) return network.As<ObservedDevices>();

        var disks = new List<ObservedDisk>();
        var nics = new List<ObservedNic>();
        foreach (QomProperty device in devices.Value)
        {
            bool isDisk = device.Type.StartsWith("child<virtio-blk-pci", StringComparison.Ordinal);
            if (!isDisk && !device.Type.StartsWith("child<virtio-net-pci", StringComparison.Ordinal)) continue;
            QmpOutcome<(string? Bus, string Address)> place =
                await PlaceOfAsync(monitor, device.Name, deadline, cancel);
            if (!place.IsOk) return place.As<ObservedDevices>();
            (string? bus, string address) = place.Value;
            if (isDisk)
            {
                // Not left out: a disk that is not seen would be taken for one that was unplugged.
                if (blocks.Value.FirstOrDefault(b => IdOf(b) == device.Name) is not { } b)
                    return QmpOutcome.Failed<ObservedDevices>(QmpStatus.Corrupt, $"disk {device.Name} has no medium");
                disks.Add(new(device.Name, bus, address, b.NodeName, b.File, b.Driver, b.Bytes, b.Direct, b.ReadOnly));
                continue;
            }

            string path = Peripheral + device.Name;
            QmpOutcome<string> mac = await monitor.ExecuteAsync(QmpCommands.QomGetText(path, "mac"), deadline, cancel);
            QmpOutcome<string> netdev =
                await monitor.ExecuteAsync(QmpCommands.QomGetText(path, "netdev"), deadline, cancel);
            if (!mac.IsOk || !netdev.IsOk) return (mac.IsOk ? netdev : mac).As<ObservedDevices>();
            nics.Add(new(device.Name, bus, address, mac.Value, TapOf(network.Value, netdev.Value)));
        }

        // QEMU lists its objects in no order; ids give one that is always the same.
        disks.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        nics.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        return QmpOutcome.Ok(new ObservedDevices(disks, nics));
    }

    /// <summary>
    /// Plugs what <paramref name="after"/> has more than <paramref name="before"/> into the running VM, and takes out
    /// what it has less. New devices have a root port (<see cref="PciLayout.PlaceHotPlugged"/>). Taking out needs the
    /// guest's consent. Stops at the first failure, leaving nothing of that device behind.
    /// </summary>
    public static async Task<QmpOutcome<QmpNothing>> ChangeAsync(
        QmpSession monitor,
        VmDefinition before,
        VmDefinition after,
        HostPaths paths,
        TimeSpan deadline,
        CancellationToken cancel = default)
    {
        foreach (DiskDefinition disk in before.Disks.Where(b => after.Disks.All(a => a.Id != b.Id)))
        {
            QmpOutcome<QmpNothing> gone = await UnplugAsync(
                monitor, disk.Id, QmpCommands.BlockdevDel(QemuNames.DiskNode(disk.Id)), deadline, cancel);
            if (!gone.IsOk) return gone;
        }

        foreach (NicDefinition nic in before.Nics.Where(b => after.Nics.All(a => a.Id != b.Id)))
        {
            QmpOutcome<QmpNothing> gone = await UnplugAsync(
                monitor, nic.Id, QmpCommands.NetdevDel(QemuNames.Netdev(nic.Id)), deadline, cancel);
            if (!gone.IsOk) return gone;
        }

        foreach (DiskDefinition disk in after.Disks.Where(a => before.Disks.All(b => b.Id != a.Id)))
        {
            QmpOutcome<QmpNothing> plugged = await PlugAsync(
                monitor,
                QmpCommands.BlockdevAdd(Json(QemuCommandLine.DiskNodeOptions(disk.Id, paths.Disks[disk.Id]))),
                QmpCommands.DeviceAdd(Json(QemuCommandLine.DiskDevice(after, disk))),
                QmpCommands.BlockdevDel(QemuNames.DiskNode(disk.Id)),
                deadline,
                cancel);
            if (!plugged.IsOk) return plugged;
        }

        foreach (NicDefinition nic in after.Nics.Where(a => before.Nics.All(b => b.Id != a.Id)))
        {
            QmpOutcome<QmpNothing> plugged = await PlugAsync(
                monitor,
                QmpCommands.NetdevAdd(Json(QemuCommandLine.NicBackend(nic, paths.Taps[nic.Id]))),
                QmpCommands.DeviceAdd(Json(QemuCommandLine.NicDevice(after, nic))),
                QmpCommands.NetdevDel(QemuNames.Netdev(nic.Id)),
                deadline,
                cancel);
            if (!plugged.IsOk) return plugged;
        }

        return QmpOutcome.Ok(default(QmpNothing));
    }

    /// <summary>
    /// Asked of the device itself: <c>query-pci</c> shows what the guest has made of its bridges, which is nothing
    /// until it
    /// has booted.
    /// </summary>
    private static async Task<QmpOutcome<(string? Bus, string Address)>> PlaceOfAsync(
        QmpSession monitor, string id, TimeSpan deadline, CancellationToken cancel)
    {
        string path = Peripheral + id;
        QmpOutcome<string> bus =
            await monitor.ExecuteAsync(QmpCommands.QomGetText(path, "parent_bus"), deadline, cancel);
        if (!bus.IsOk) return bus.As<(string?, string)>();
        QmpOutcome<long> place = await monitor.ExecuteAsync(QmpCommands.QomGetNumber(path, "addr"), deadline, cancel);
        if (!place.IsOk) return place.As<(string?, string)>();
        string name = bus.Value[(bus.Value.LastIndexOf('/') + 1)..];
        string address = ObservedDevices.AddressOf((int)place.Value >> 3, (int)place.Value & 7);
        return QmpOutcome.Ok<(string?, string)>((name is "pcie.0" or "pci.0" ? null : name, address));
    }

    private static async Task<QmpOutcome<QmpNothing>> PlugAsync(
        QmpSession monitor,
        QmpCommand<QmpNothing> addBackend,
        QmpCommand<QmpNothing> addDevice,
        QmpCommand<QmpNothing> removeBackend,
        TimeSpan deadline,
        CancellationToken cancel)
    {
        QmpOutcome<QmpNothing> backend = await monitor.ExecuteAsync(addBackend, deadline, cancel);
        if (!backend.IsOk) return backend;
        QmpOutcome<QmpNothing> device = await monitor.ExecuteAsync(addDevice, deadline, cancel);
        if (!device.IsOk) await monitor.ExecuteAsync(removeBackend, deadline, cancel);
        return device;
    }

    private static async Task<QmpOutcome<QmpNothing>> UnplugAsync(
        QmpSession monitor,
        string id,
        QmpCommand<QmpNothing> removeBackend,
        TimeSpan deadline,
        CancellationToken cancel)
    {
        long start = Stopwatch.GetTimestamp();
        using QmpEventWait gone = monitor.Expect(QmpEvent.DeviceDeleted, e => e.Text("device") == id);
        QmpOutcome<QmpNothing> asked = await monitor.ExecuteAsync(QmpCommands.DeviceDel(id), deadline, cancel);
        if (!asked.IsOk) return asked;
        QmpOutcome<QmpEvent> went = await gone.WaitAsync(deadline - Stopwatch.GetElapsedTime(start), cancel);
        if (went.IsOk) return await monitor.ExecuteAsync(removeBackend, deadline, cancel);
        return went.Status == QmpStatus.TimedOut
            ? QmpOutcome.Failed<QmpNothing>(QmpStatus.TimedOut, $"the guest did not let go of device {id} in time")
            : went.As<QmpNothing>();
    }

    /// <summary>Dotted names become objects, on and off become booleans, as QMP wants them.</summary>
    private static JsonObject Json(IEnumerable<(string Name, string Value)> options)
    {
        var json = new JsonObject();
        foreach ((string name, string value) in options)
        {
            JsonObject into = json;
            string[] path = name.Split('.');
            foreach (string member in path[..^1]) into = (JsonObject)(into[member] ??= new JsonObject());
            into[path[^1]] = value switch { "on" => true, "off" => false, _ => value };
        }

        return json;
    }

    /// <summary>A device's id, alone or within <c>/machine/peripheral/ID/virtio-backend</c>.</summary>
    private static string IdOf(BlockDeviceInfo block) =>
        block.QomPath.StartsWith(Peripheral, StringComparison.Ordinal)
            ? block.QomPath[Peripheral.Length..].Split('/')[0]
            : block.QomPath;

    /// <summary>From a line <c> \ NETDEV: index=0,type=tap,ifname=NAME,...</c> of <c>info network</c>.</summary>
    private static string TapOf(string network, string netdev)
    {
        string? line = network.Split('\n').FirstOrDefault(
            l => l.Contains($" {netdev}: ", StringComparison.Ordinal)
                && l.Contains("type=tap", StringComparison.Ordinal));
        string? name = line?.Split(',').FirstOrDefault(p => p.StartsWith("ifname=", StringComparison.Ordinal));
        return name is null ? "" : name["ifname=".Length..].Trim();
    }
}
