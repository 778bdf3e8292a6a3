namespace Umbra.Core.Basics;

/// <summary>Sizes that both ends of a pair, and the files on disk, are built on.</summary>
public static class Sizes
{
    /// <summary>A guest page, bytes: the grain of memory deltas. x86-64's small page.</summary>
    public const int Page = 4096;

    /// <summary>
    /// A disk block, bytes: the grain of disk hashes at a resync (QEMU's default mirror granularity).
    /// </summary>
    public const int Block = 64 * 1024;

    /// <summary>One kibibyte.</summary>
    public const int KiB = 1024;

    /// <summary>One mebibyte.</summary>
    public const int MiB = 1024 * 1024;

    /// <summary>One gibibyte.</summary>
    public const long GiB = 1024L * 1024 * 1024;
}
