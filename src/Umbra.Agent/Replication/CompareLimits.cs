using Umbra.Core.Basics;

namespace Umbra.Agent.Replication;

/// <summary>Named limits of a full comparison: what it may cost the guest, the pair and the agent.</summary>
internal static class CompareLimits
{
    /// <summary>Hashes of one side, bytes: 8 for each 4 KiB page and 64 KiB block.</summary>
    public const long HashBytesMax = 256L * Sizes.MiB;

    /// <summary>Pages hashed at once while the guest stands still: 4 MiB, about a millisecond.</summary>
    public const int PagesPerStep = 1024;

    /// <summary>Disk blocks read and hashed at once while the guest stands still: 4 MiB.</summary>
    public const int BlocksPerStep = 64;

    /// <summary>The guest stands still for no longer than this for the sake of a comparison.</summary>
    public static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(30);

    /// <summary>The shadow has to answer everything within this, while no new epoch is sent to it.</summary>
    public static readonly TimeSpan AskingMax = TimeSpan.FromMinutes(5);

    /// <summary>Whether a comparison of so much would stay within <see cref="HashBytesMax"/>.</summary>
    public static bool Fits(long memoryBytes, IEnumerable<ComparedDisk> disks) =>
        sizeof(ulong) * ((memoryBytes / Sizes.Page) + disks.Sum(d => Units(d.Bytes))) <= HashBytesMax;

    /// <summary>Blocks of a disk, the last of which may be a part of one.</summary>
    public static long Units(long diskBytes) => (diskBytes + Sizes.Block - 1) / Sizes.Block;
}
