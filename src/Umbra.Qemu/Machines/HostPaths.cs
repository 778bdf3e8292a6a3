using Umbra.Core.Api;

namespace Umbra.Qemu.Machines;

/// <summary>A disk image on this host.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format"><c>raw</c> or <c>qcow2</c>.</param>
/// <param name="Direct">
/// Whether to bypass the host's page cache, where the filesystem can. Without it a <c>stop</c> takes 10 ms and more.
/// </param>
public sealed record ImageFile(string Path, string Format = "raw", bool Direct = true);

/// <summary>Where this host keeps what a VM needs: the part of a command line that differs between hosts.</summary>
public sealed record HostPaths
{
    /// <summary>Longest path of a unix socket, bytes (sun_path of unix(7), with its final 0).</summary>
    public const int SocketPathMax = 107;

    /// <summary>RAM, a file on tmpfs or hugetlbfs.</summary>
    public required string RamFile { get; init; }

    /// <summary>First monitor's socket.</summary>
    public required string QmpSocket { get; init; }

    /// <summary>Second monitor's socket, for the brake.</summary>
    public required string BrakeSocket { get; init; }

    /// <summary>
    /// Third monitor's socket, for the process that watches over the VM when its agent cannot; null: there is none.
    /// </summary>
    public string? GuardSocket { get; init; }

    /// <summary>Where QEMU writes its process id.</summary>
    public required string PidFile { get; init; }

    /// <summary>Where the serial console's output goes.</summary>
    public required string ConsoleLog { get; init; }

    /// <summary>Where QEMU's own messages go.</summary>
    public required string ErrorLog { get; init; }

    /// <summary>Images by the disk's id.</summary>
    public IReadOnlyDictionary<string, ImageFile> Disks { get; init; } = new Dictionary<string, ImageFile>();

    /// <summary>Tap interfaces by the NIC's id; they exist before QEMU starts.</summary>
    public IReadOnlyDictionary<string, string> Taps { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Paths under three directories: <c>STATE/ID.raw</c> (or the disk's source), <c>RUN/{qmp,brake}.sock</c>,
    /// <c>RUN/qemu.pid</c>, <c>STATE/{console,qemu}.log</c>, <c>RAM/NAME.ram</c>.
    /// </summary>
    /// <param name="vm">The VM.</param>
    /// <param name="state">Directory that survives a reboot of the host.</param>
    /// <param name="run">Directory for sockets; short.</param>
    /// <param name="ram">Directory on tmpfs.</param>
    /// <param name="taps">Tap interfaces by the NIC's id.</param>
    /// <param name="isShadow">Whether this is the shadow's side, whose images are always Umbra's own.</param>
    public static HostPaths Under(
        VmDefinition vm,
        string state,
        string run,
        string ram,
        IReadOnlyDictionary<string, string> taps,
        bool isShadow) => new()
        {
            RamFile = Path.Combine(ram, vm.Name + ".ram"),
            QmpSocket = Path.Combine(run, "qmp.sock"),
            BrakeSocket = Path.Combine(run, "brake.sock"),
            PidFile = Path.Combine(run, "qemu.pid"),
            ConsoleLog = Path.Combine(state, "console.log"),
            ErrorLog = Path.Combine(state, "qemu.log"),
            Disks = vm.Disks.ToDictionary(d => d.Id, d => DiskOf(d, state, isShadow), StringComparer.Ordinal),
            Taps = taps,
        };

    private static ImageFile DiskOf(DiskDefinition disk, string state, bool isShadow) =>
        isShadow || disk.SourcePath is null
            ? new ImageFile(Path.Combine(state, disk.Id + ".raw"))
            : new ImageFile(disk.SourcePath, disk.Format);
}
