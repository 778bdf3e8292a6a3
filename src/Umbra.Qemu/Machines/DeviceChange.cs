using Umbra.Core.Api;
using Umbra.Core.Policy;
using Umbra.Linux.Processes;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>
/// What a running VM's devices have become since its definition was last right: whoever has its monitor can plug some
/// in and out.
/// </summary>
/// <param name="Vm">The definition as the VM is now; the same object when nothing has changed.</param>
/// <param name="Devices">Disks and NICs as they are now.</param>
/// <param name="List">All devices that were named to QEMU, as they were before anything else was read.</param>
/// <param name="Refusals">Why the VM cannot be protected as it is, each a sentence for people.</param>
public sealed record DeviceChange(
    VmDefinition Vm, ObservedDevices Devices, DeviceList List, IReadOnlyList<string> Refusals)
{
    /// <summary>Looks at a running VM; nothing of it is changed.</summary>
    /// <param name="monitor">A monitor of it.</param>
    /// <param name="pid">Its process.</param>
    /// <param name="known">Its definition so far.</param>
    /// <param name="replaced">Ids of devices known to have gone: what has such an id now is another one.</param>
    /// <param name="deadline">For every single question.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<QmpOutcome<DeviceChange>> ReadAsync(
        QmpSession monitor, int pid, VmDefinition known, IReadOnlyCollection<string> replaced, TimeSpan deadline,
        CancellationToken cancel = default)
    {
        // First: what changes after it is seen by the next comparison.
        QmpOutcome<DeviceList> list = await DeviceList.ReadAsync(monitor, deadline, cancel);
        if (!list.IsOk) return list.As<DeviceChange>();
        QmpOutcome<IReadOnlyList<string>> checks = await ProtectionChecks.RunAsync(monitor, deadline, cancel);
        if (!checks.IsOk) return checks.As<DeviceChange>();
        QmpOutcome<ObservedDevices> devices = await QemuDevices.ObserveAsync(monitor, deadline, cancel);
        if (!devices.IsOk) return devices.As<DeviceChange>();
        QmpOutcome<DeviceList> after = await DeviceList.ReadAsync(monitor, deadline, cancel);
        if (!after.IsOk) return after.As<DeviceChange>();
        // What came or went between the questions is in one answer and not in another.
        if (!after.Value.Equals(list.Value))
            return QmpOutcome.Failed<DeviceChange>(QmpStatus.QemuError, "they change at this moment");
        VmDefinition before = Without(known, list.Value, replaced);
        VmDefinition now = devices.Value.Update(before, QemuAttach.BridgeOfTap);
        QmpOutcome<VmDefinition> whole = await WithArgumentsAsync(
            monitor, list.Value, before, now, deadline, cancel);
        if (!whole.IsOk) return whole.As<DeviceChange>();
        now = whole.Value;
        bool isSame = VmRules.Same(now with { Revision = known.Revision }, known) && replaced.Count == 0;
        string[] refusals =
        [
            .. checks.Value, .. ProtectionChecks.WhyFilesAreRefused(ProcessFiles.Targets(pid)),
            .. Strangers(known, list.Value), .. WhyNewAreRefused(before, now, devices.Value),
            .. isSame ? [] : DefinitionChecks.Check(now).Concat(VmRules.Check(now)),
        ];
        now = isSame ? known : now with { Revision = known.Revision + 1 };
        return QmpOutcome.Ok(
            new DeviceChange(now, devices.Value, list.Value, [.. refusals.Distinct(StringComparer.Ordinal)]));
    }

    /// <summary>The definition without devices that have gone, and without their arguments.</summary>
    private static VmDefinition Without(VmDefinition vm, DeviceList list, IReadOnlyCollection<string> replaced)
    {
        var there = list.Named.Select(d => d.Id).Except(replaced, StringComparer.Ordinal)
            .ToHashSet(StringComparer.Ordinal);
        var arguments = new List<string>();
        for (int i = 0; i < vm.ExtraArguments.Count; i++)
        {
            bool isGone = vm.ExtraArguments[i] == "-device" && i + 1 < vm.ExtraArguments.Count
                && QemuOptions.Parse(vm.ExtraArguments[i + 1])?["id"] is { } id && !there.Contains(id);
            if (isGone) i++;
            else arguments.Add(vm.ExtraArguments[i]);
        }

        DiskDefinition[] disks = [.. vm.Disks.Where(d => there.Contains(d.Id))];
        NicDefinition[] nics = [.. vm.Nics.Where(n => there.Contains(n.Id))];
        return vm with { Disks = disks, Nics = nics, ExtraArguments = arguments };
    }

    private static async Task<QmpOutcome<VmDefinition>> WithArgumentsAsync(
        QmpSession monitor, DeviceList list, VmDefinition before, VmDefinition now, TimeSpan deadline,
        CancellationToken cancel)
    {
        // One without an id is not among them, and is refused for that.
        string DriverOf(string id) => list.Named.FirstOrDefault(d => d.Id == id).Driver ?? "";
        List<string> arguments = [.. now.ExtraArguments];
        foreach (DiskDefinition disk in now.Disks.Where(d => before.Disks.All(b => b.Id != d.Id)))
        {
            QmpOutcome<string> argument = await PluggedDevice.DiskAsync(
                monitor, DriverOf(disk.Id), now, disk, deadline, cancel);
            if (!argument.IsOk) return argument.As<VmDefinition>();
            arguments.AddRange(["-device", argument.Value]);
        }

        foreach (NicDefinition nic in now.Nics.Where(n => before.Nics.All(b => b.Id != n.Id)))
        {
            QmpOutcome<string> argument = await PluggedDevice.NicAsync(
                monitor, DriverOf(nic.Id), now, nic, deadline, cancel);
            if (!argument.IsOk) return argument.As<VmDefinition>();
            arguments.AddRange(["-device", argument.Value]);
        }

        return QmpOutcome.Ok(now with { ExtraArguments = arguments });
    }

    /// <summary>Devices that the definition does not give a standby, and that are neither disk nor NIC.</summary>
    private static IEnumerable<string> Strangers(VmDefinition vm, DeviceList list)
    {
        QemuOptions[] given =
        [
            .. vm.ExtraArguments.Skip(1).Where((_, i) => vm.ExtraArguments[i] == "-device")
                .Select(QemuOptions.Parse).OfType<QemuOptions>(),
        ];
        var known = given.Select(d => d["id"]).OfType<string>()
            .Concat(vm.Disks.Select(d => d.Id)).Concat(vm.Nics.Select(n => n.Id))
            .Concat(vm.IsForeign ? [] : QemuCommandLine.FixedDeviceIds)
            .ToHashSet(StringComparer.Ordinal);
        List<string> nameless = [.. given.Where(d => d["id"] is null).Select(d => d.Kind)];
        foreach ((string id, string driver) in list.Named)
        {
            bool isFollowed = driver.StartsWith("virtio-blk-pci", StringComparison.Ordinal)
                || driver.StartsWith("virtio-net-pci", StringComparison.Ordinal);
            if (known.Contains(id) || isFollowed) continue;
            yield return $"device {id} ({driver}) was plugged into the running VM, and only virtio-blk-pci and "
                + $"virtio-net-pci devices are followed: take it out again (device_del {id})";
        }

        foreach ((string name, string driver) in list.Nameless)
        {
            if (nameless.Remove(driver)) continue;
            yield return $"device {driver} was plugged into the running VM without an id: take it out again "
                + $"(device_del /machine/peripheral-anon/{name}), and plug it with id=...";
        }
    }

    private static IEnumerable<string> WhyNewAreRefused(
        VmDefinition before, VmDefinition now, ObservedDevices devices)
    {
        foreach (ObservedDisk disk in devices.Disks.Where(d => before.Disks.All(b => b.Id != d.Id)))
        {
            foreach (string why in ProtectionChecks.WhyDiskIsRefused(disk)) yield return why;
        }

        foreach (ObservedNic nic in devices.Nics.Where(n => before.Nics.All(b => b.Id != n.Id)))
        {
            if (ProtectionChecks.WhyNicIsRefused(nic) is { } why) yield return why;
            else if (now.Nics.Single(n => n.Id == nic.Id).Bridge.Length == 0)
                yield return $"NIC {nic.Id}: its tap {nic.Tap} hangs on no bridge, so a standby would have no network";
        }
    }
}
