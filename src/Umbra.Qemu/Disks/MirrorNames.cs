using System.Globalization;

namespace Umbra.Qemu.Disks;

/// <summary>
/// Names of what a disk's mirror adds to a QEMU, by the disk's number: an agent that comes back finds what its
/// predecessor left. Short, for QEMU takes 31 characters.
/// </summary>
public static class MirrorNames
{
    /// <summary>What all of them begin with.</summary>
    public const string Prefix = "umbra-";

    /// <summary>The mirror's block job.</summary>
    public static string Job(int disk) => Prefix + "mirror-" + disk.ToString(CultureInfo.InvariantCulture);

    /// <summary>The NBD client's block node; what the brake yanks.</summary>
    public static string Target(int disk) => Prefix + "target-" + disk.ToString(CultureInfo.InvariantCulture);

    /// <summary>The node that the job puts above the disk.</summary>
    public static string Filter(int disk) => Prefix + "filter-" + disk.ToString(CultureInfo.InvariantCulture);
}
