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
        QmpOutcome<IReadOnlyList<PciDevice>> pci = await monitor.ExecuteAsync(QmpCommands.QueryPci, deadline, cancel);
        if (!pci.IsOk) return pci.As<ObservedDevices>();
        QmpOutcome<IReadOnlyList<BlockDeviceInfo>> blocks =
            await monitor.ExecuteAsync(QmpCommands.QueryBlock, deadline, cancel);
        if (!blocks.IsOk) return blocks.As<ObservedDevices>();
        QmpOutcome<string> network = await monitor.ExecuteAsync(QmpCommands.HumanMonitor("info network"), deadline, cancel);
        if (!network.IsOk) return network.As<ObservedDevices>();

        var disks = new List<ObservedDisk>();
        var nics = new List<ObservedNic>();
        foreach (PciDevice device in pci.Value.Where(d => d.Id.Length > 0))
        {
            string? bus = device.Bridge.Length == 0 ? null : device.Bridge;
            string address = ObservedDevices.AddressOf(device.Slot, device.Function);
            if (device.IsVirtioBlock && blocks.Value.FirstOrDefault(b => IdOf(b) == device.Id) is { } b)
                disks.Add(new(device.Id, bus, address, b.NodeName, b.File, b.Driver, b.Bytes, b.Direct));
            if (!device.IsVirtioNet) continue;
            QmpOutcome<string> mac =
                await monitor.ExecuteAsync(QmpCommands.QomGetText(Peripheral + device.Id, "mac"), deadline, cancel);
            QmpOutcome<string> netdev =
                await monitor.ExecuteAsync(QmpCommands.QomGetText(Peripheral + device.Id, "netdev"), deadline, cancel);
            if (!mac.IsOk || !netdev.IsOk) return (mac.IsOk ? netdev : mac).As<ObservedDevices>();
            nics.Add(new(device.Id, bus, address, mac.Value, TapOf(network.Value, netdev.Value)));
        }

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
            l => l.Contains($" {netdev}: ", StringComparison.Ordinal) && l.Contains("type=tap", StringComparison.Ordinal));
        string? name = line?.Split(',').FirstOrDefault(p => p.StartsWith("ifname=", StringComparison.Ordinal));
        return name is null ? "" : name["ifname=".Length..].Trim();
    }
}
