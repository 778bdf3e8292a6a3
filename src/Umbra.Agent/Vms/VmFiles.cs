using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Linux;
using Umbra.Linux.Files;
using Umbra.Qemu.Machines;


namespace Umbra.Agent.Vms;

/// <summary>Maps a VM's definition to files of this host.</summary>
internal static class VmFiles
{
    /// <summary>Where QEMU finds everything, for a VM or its standby.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="paths">Its directories.</param>
    /// <param name="ownImages">
    /// Whether all disks are Umbra's own images: on a shadow, and where one became primary.
    /// </param>
    public static HostPaths HostPaths(VmDefinition vm, VmPaths paths, bool ownImages) => new()
    {
        RamFile = paths.Ram,
        QmpSocket = Path.Combine(paths.Volatile, "qmp"),
        BrakeSocket = Path.Combine(paths.Volatile, "brake"),
        GuardSocket = Path.Combine(paths.Volatile, "guard"),
        PidFile = Path.Combine(paths.Volatile, "pid"),
        ConsoleLog = Path.Combine(paths.Durable, "console.log"),
        ErrorLog = Path.Combine(paths.Durable, "qemu.log"),
        Disks = vm.Disks.ToDictionary(
            d => d.Id,
            d => ownImages || d.SourcePath is null
                ? new ImageFile(paths.Disk(d.Id))
                : new ImageFile(d.SourcePath, d.Format),
            StringComparer.Ordinal),
        Taps = HostTaps.Names(vm),
    };

    /// <summary>Makes the images that are Umbra's own and not there yet; the first failure, or null.</summary>
    public static string? CreateImages(VmDefinition vm, VmPaths paths)
    {
        foreach (DiskDefinition disk in vm.Disks)
        {
            if (disk.SourcePath is { } source)
            {
                if (!File.Exists(source)) return $"the image {source} of disk {disk.Id} is not there";
                continue;
            }

            string path = paths.Disk(disk.Id);
            if (File.Exists(path)) continue;
            Outcome<DiskFile> made = DiskFile.Create(path, disk.Bytes);
            if (!made.IsOk) return made.Error.Message;
            made.Value.Dispose();
        }

        return null;
    }
}
