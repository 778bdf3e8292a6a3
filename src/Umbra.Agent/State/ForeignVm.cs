using Umbra.Qemu.Machines;

namespace Umbra.Agent.State;

/// <summary>What is peculiar to a VM on this host that Umbra attached to instead of starting it.</summary>
/// <param name="Paths">Where its monitors, images and taps are.</param>
/// <param name="DiskNodes">
/// Block nodes that its disks read and write, by the disk's id, as they were before any mirror.
/// </param>
public sealed record ForeignVm(HostPaths Paths, IReadOnlyDictionary<string, string> DiskNodes)
{
    /// <summary>What its RAM is mapped from: a file, or QEMU's name for a memfd.</summary>
    public string RamBacking => Paths.RamFile.Length > 0 ? Paths.RamFile : "memory-backend-memfd";
}
