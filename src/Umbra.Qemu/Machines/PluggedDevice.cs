using System.Text.Json;
using Umbra.Core.Api;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>
/// The <c>-device</c> argument by which a standby gets a disk or NIC that somebody plugged into the running VM: with
/// every property that the guest can see, because two devices that differ in one load each other's state unnoticed.
/// </summary>
public static class PluggedDevice
{
    private static readonly string[] s_common =
    [
        "vectors", "disable-legacy", "disable-modern", "packed", "iommu_platform", "ats", "event_idx", "indirect_desc",
    ];

    private static readonly string[] s_disk =
    [
        "serial", "num-queues", "queue-size", "logical_block_size", "physical_block_size", "min_io_size", "opt_io_size",
        "config-wce", "discard", "write-zeroes",
    ];

    private static readonly string[] s_nic =
    [
        "mac", "mq", "rx_queue_size", "tx_queue_size", "host_mtu", "mrg_rxbuf", "ctrl_vq", "csum", "guest_csum", "gso",
        "rss", "hash", "failover",
    ];

    /// <summary>The argument for a disk.</summary>
    public static Task<QmpOutcome<string>> DiskAsync(
        QmpSession monitor, string driver, VmDefinition vm, DiskDefinition disk, TimeSpan deadline,
        CancellationToken cancel = default)
    {
        var options = new QemuOptions();
        options.Set("driver", driver);
        options.Set("id", disk.Id);
        options.Set("drive", QemuNames.DiskNode(disk.Id));
        SetPlace(options, vm, disk.Bus, disk.Address);
        return ReadAsync(monitor, disk.Id, options, s_disk, deadline, cancel);
    }

    /// <summary>The argument for a NIC.</summary>
    public static Task<QmpOutcome<string>> NicAsync(
        QmpSession monitor, string driver, VmDefinition vm, NicDefinition nic, TimeSpan deadline,
        CancellationToken cancel = default)
    {
        var options = new QemuOptions();
        options.Set("driver", driver);
        options.Set("id", nic.Id);
        options.Set("netdev", QemuNames.Netdev(nic.Id));
        SetPlace(options, vm, nic.Bus, nic.Address);
        return ReadAsync(monitor, nic.Id, options, s_nic, deadline, cancel);
    }

    private static void SetPlace(QemuOptions options, VmDefinition vm, string? bus, string? address)
    {
        options.Set("bus", bus ?? PciLayout.RootBus(vm.Machine));
        options.Set("addr", address ?? PciLayout.PortAddress);
    }

    private static async Task<QmpOutcome<string>> ReadAsync(
        QmpSession monitor, string id, QemuOptions options, string[] own, TimeSpan deadline, CancellationToken cancel)
    {
        string path = "/machine/peripheral/" + id;
        foreach (string name in (string[])[.. own, .. s_common])
        {
            QmpOutcome<JsonElement> read =
                await monitor.ExecuteAsync(QmpCommands.QomGet(path, name), deadline, cancel);
            // This version of QEMU does not have the property.
            if (read.Status == QmpStatus.QemuError) continue;
            if (!read.IsOk) return read.As<string>();
            if (TextOf(read.Value) is { Length: > 0 } value) options.Set(name, value);
        }

        QmpOutcome<JsonElement> rom = await monitor.ExecuteAsync(QmpCommands.QomGet(path, "romfile"), deadline, cancel);
        if (rom.IsOk && TextOf(rom.Value).Length == 0) options.Set("romfile", "");
        return QmpOutcome.Ok(options.ToString());
    }

    private static string TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => "on",
        JsonValueKind.False => "off",
        JsonValueKind.String or JsonValueKind.Number => value.ToString(),
        _ => "",
    };
}
