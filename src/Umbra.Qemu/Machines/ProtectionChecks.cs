using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>
/// Whether a running VM can be protected at all. What is refused here either cannot be moved by QEMU or would be
/// mirrored wrongly without anybody noticing.
/// </summary>
public static class ProtectionChecks
{
    private static readonly Version s_sendsMemfd = new(8, 1);

    /// <summary>Everything that stands in the way, each a sentence for people; empty when nothing does.</summary>
    /// <returns>An outcome other than ok when QEMU could not be asked.</returns>
    public static async Task<QmpOutcome<IReadOnlyList<string>>> RunAsync(
        QmpSession monitor, TimeSpan deadline, CancellationToken cancel = default)
    {
        var refusals = new List<string>();
        QmpOutcome<MigrationInfo> migrate = await monitor.ExecuteAsync(QmpCommands.QueryMigrate, deadline, cancel);
        if (!migrate.IsOk) return migrate.As<IReadOnlyList<string>>();
        refusals.AddRange(migrate.Value.BlockedReasons.Select(r => "QEMU cannot save this VM's state: " + r));

        QmpOutcome<string> machine = await monitor.ExecuteAsync(QmpCommands.MachineType, deadline, cancel);
        if (!machine.IsOk) return machine.As<IReadOnlyList<string>>();
        AddIf(refusals, WhyMachineIsRefused(MachineName(machine.Value)));

        foreach (string group in (string[])["/machine/peripheral", "/machine/peripheral-anon"])
        {
            QmpOutcome<IReadOnlyList<QomProperty>> devices =
                await monitor.ExecuteAsync(QmpCommands.QomList(group), deadline, cancel);
            if (!devices.IsOk) return devices.As<IReadOnlyList<string>>();
            foreach (QomProperty device in devices.Value) AddIf(refusals, WhyDriverIsRefused(DriverOf(device)));
        }

        QmpOutcome<string> network =
            await monitor.ExecuteAsync(QmpCommands.HumanMonitor("info network"), deadline, cancel);
        if (!network.IsOk) return network.As<IReadOnlyList<string>>();
        AddIf(refusals, WhyNetworkIsRefused(network.Value));

        QmpOutcome<IReadOnlyList<MemoryBackend>> backends =
            await monitor.ExecuteAsync(QmpCommands.QueryMemoryBackends, deadline, cancel);
        if (!backends.IsOk) return backends.As<IReadOnlyList<string>>();
        refusals.AddRange(backends.Value.Where(b => !b.IsShared).Select(WhyBackendIsRefused));

        QmpOutcome<Version> version = await monitor.ExecuteAsync(QmpCommands.QueryVersion, deadline, cancel);
        if (!version.IsOk) return version.As<IReadOnlyList<string>>();
        QmpOutcome<IReadOnlyList<QomProperty>> objects =
            await monitor.ExecuteAsync(QmpCommands.QomList("/objects"), deadline, cancel);
        if (!objects.IsOk) return objects.As<IReadOnlyList<string>>();
        foreach (QomProperty one in objects.Value)
            AddIf(refusals, WhyBackendIsSent(one.Name, DriverOf(one), version.Value));

        QmpOutcome<string> blocks =
            await monitor.ExecuteAsync(QmpCommands.HumanMonitor("info ramblock"), deadline, cancel);
        if (!blocks.IsOk) return blocks.As<IReadOnlyList<string>>();
        refusals.AddRange(WhyBlocksAreRefused(blocks.Value, [.. backends.Value.Select(b => b.Id)]));
        return QmpOutcome.Ok<IReadOnlyList<string>>([.. refusals.Distinct(StringComparer.Ordinal)]);
    }

    /// <summary>Why a device of this driver cannot be protected; null when it can, as far as this tells.</summary>
    public static string? WhyDriverIsRefused(string driver) => driver switch
    {
        "nvme" or "nvme-ns" => "NVMe disk: QEMU cannot migrate it. Use virtio-blk-pci",
        _ when driver.StartsWith("vfio-", StringComparison.Ordinal) =>
            $"device {driver} is real hardware handed to the guest (VFIO): its state and its writes to RAM are not "
                + "seen",
        _ when driver.StartsWith("vhost-user-", StringComparison.Ordinal) =>
            $"device {driver} is run by another process (vhost-user), whose writes to RAM cannot be seen",
        _ when driver.StartsWith("vhost-", StringComparison.Ordinal) =>
            $"device {driver} keeps its state in this host's kernel",
        _ when driver.StartsWith("ivshmem", StringComparison.Ordinal) =>
            $"device {driver} shares memory with other processes, whose writes cannot be seen",
        _ => null,
    };

    /// <summary>Judges the output of <c>info network</c>: null when nothing in it is forbidden.</summary>
    public static string? WhyNetworkIsRefused(string network) =>
        network.Contains("type=vhost-user", StringComparison.Ordinal) ? WhyDriverIsRefused("vhost-user-net") : null;

    /// <summary>
    /// Judges what QEMU has open: back ends in the kernel show nowhere else (<c>info network</c> does not tell of
    /// vhost).
    /// </summary>
    public static IEnumerable<string> WhyFilesAreRefused(IEnumerable<string> openFiles)
    {
        foreach (string file in openFiles.Distinct(StringComparer.Ordinal))
        {
            if (file == "/dev/vhost-net") yield return WhyVhostIsRefused;
            else if (file.StartsWith("/dev/vhost-", StringComparison.Ordinal))
                yield return $"{file} is open: a device keeps its state in this host's kernel";
            else if (file.StartsWith("/dev/vfio/", StringComparison.Ordinal))
                yield return $"{file} is open: real hardware is handed to the guest (VFIO), whose state is not seen";
        }
    }

    /// <summary>Why a disk that was found cannot be mirrored; empty when it can.</summary>
    public static IEnumerable<string> WhyDiskIsRefused(ObservedDisk disk)
    {
        if (disk.Format is not ("raw" or "qcow2"))
            yield return $"disk {disk.Id}: image format {disk.Format} is neither raw nor qcow2";
        if (disk.IsReadOnly) yield return $"disk {disk.Id} is read-only: only disks that can be written are mirrored";
    }

    /// <summary>Why a NIC that was found cannot be had on a standby; null when it can.</summary>
    public static string? WhyNicIsRefused(ObservedNic nic) =>
        nic.Tap.Length == 0 ? $"NIC {nic.Id} is on no tap interface" : null;

    /// <summary>Why no NIC may use vhost.</summary>
    public const string WhyVhostIsRefused =
        "a NIC's frames go through this host's kernel (vhost=on), which keeps its state and writes the guest's RAM: "
            + "start the VM with vhost=off on its -netdev";

    /// <summary>Why this machine type cannot be protected; null when it can.</summary>
    public static string? WhyMachineIsRefused(string machine) => DefinitionChecks.IsPinned(machine)
        ? null
        : $"machine type '{machine}' is not pinned to a version, so another QEMU would build other hardware; use for "
            + "instance pc-q35-7.2";

    /// <summary>
    /// Why a memory backend that is shared cannot be protected all the same; null when it can. From 8.1 on QEMU leaves
    /// shared RAM out of a device state only where it is a named file.
    /// </summary>
    public static string? WhyBackendIsSent(string id, string kind, Version qemu) =>
        kind == "memory-backend-memfd" && qemu >= s_sendsMemfd
            ? $"RAM {id} is a memory-backend-memfd, all of which QEMU {qemu} would save with each device state: use "
                + "memory-backend-file with share=on and a mem-path on /dev/shm"
            : null;

    /// <summary>
    /// Judges the output of <c>info ramblock</c>: only shared backends and what every QEMU fills by itself at start
    /// (ROMs, ACPI tables) may be there. Anything else is memory the guest can write that is in no backend.
    /// </summary>
    /// <param name="table">The command's output.</param>
    /// <param name="sharedIds">Ids of memory backends, judged on their own.</param>
    public static IEnumerable<string> WhyBlocksAreRefused(string table, IReadOnlyCollection<string> sharedIds)
    {
        foreach (string line in table.Split('\n').Skip(1))
        {
            string name = line.Trim().Split(' ')[0];
            bool isShared = sharedIds.Any(id => name == id || name == "/objects/" + id);
            if (name.Length == 0 || IsReadOnly(name) || isShared) continue;
            yield return name switch
            {
                "pc.ram" => "RAM is private memory: use a memory-backend-file with share=on",
                "vga.vram" => "graphics card: its memory (vga.vram) is not shared. Use -vga none",
                _ when name.StartsWith("system.flash", StringComparison.Ordinal) =>
                    $"UEFI flash ({name}) is memory that is not shared: boot by BIOS or by kernel",
                _ => $"memory block {name} is writable and not shared",
            };
        }
    }

    /// <summary><c>pc-q35-7.2-machine</c> is the object type of <c>pc-q35-7.2</c>.</summary>
    internal static string MachineName(string objectType) =>
        objectType.EndsWith("-machine", StringComparison.Ordinal) ? objectType[..^"-machine".Length] : objectType;

    private static bool IsReadOnly(string block) =>
        block.StartsWith("/rom@", StringComparison.Ordinal)
        || block is "pc.bios" or "pc.rom"
        || block.EndsWith(".rom", StringComparison.Ordinal);

    private static string WhyBackendIsRefused(MemoryBackend backend) =>
        $"RAM {backend.Id} is not shared: start the VM with share=on on its memory backend";

    private static string DriverOf(QomProperty device) =>
        device.Type.StartsWith("child<", StringComparison.Ordinal) ? device.Type[6..].TrimEnd('>') : device.Type;

    private static void AddIf(List<string> refusals, string? refusal)
    {
        if (refusal is not null) refusals.Add(refusal);
    }
}
