using Umbra.Qemu.Machines;

namespace Umbra.Agent.State;

/// <summary>
/// What is peculiar to a VM on this host that Umbra attached to instead of starting it, or into which somebody plugged
/// something without Umbra.
/// </summary>
/// <param name="Paths">Where its monitors, images and taps are.</param>
/// <param name="DiskNodes">
/// Block nodes that its disks read and write, by the disk's id, as they were before any mirror.
/// </param>
public sealed record ForeignVm(HostPaths Paths, IReadOnlyDictionary<string, string> DiskNodes)
{
    /// <summary>What its RAM is mapped from: a file, or QEMU's name for a memfd.</summary>
    public string RamBacking => Paths.RamFile.Length > 0 ? Paths.RamFile : "memory-backend-memfd";

    /// <summary>The same with further images, taps and nodes; those under a known id replace it.</summary>
    public ForeignVm With(
        IReadOnlyDictionary<string, ImageFile> disks, IReadOnlyDictionary<string, string> taps,
        IReadOnlyDictionary<string, string> nodes) =>
        new(Paths with { Disks = Merge(Paths.Disks, disks), Taps = Merge(Paths.Taps, taps) }, Merge(DiskNodes, nodes));

    private static Dictionary<string, T> Merge<T>(
        IReadOnlyDictionary<string, T> known, IReadOnlyDictionary<string, T> more)
    {
        var all = new Dictionary<string, T>(known, StringComparer.Ordinal);
        foreach ((string id, T value) in more) all[id] = value;
        return all;
    }
}
