using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>Where a file of a shadow lives, which decides what it outlives.</summary>
public enum ShadowVolume
{
    /// <summary>tmpfs: outlives the agent, is lost with the host, as the shadow's RAM is.</summary>
    Memory = 0,

    /// <summary>A disk filesystem: outlives the host, if it was flushed.</summary>
    Disk = 1,
}

/// <summary>
/// What a <c>ShadowStore</c> is made of: the shadow's RAM, its disks, and small files beside them. One shadow,
/// one directory on each volume. Failures (full disk, I/O error) are outcomes; the store then refuses the epoch.
/// </summary>
public interface IShadowMedia
{
    /// <summary>
    /// Identifies the life of the host's memory (the kernel's boot id): RAM written under another one is gone.
    /// </summary>
    string BootToken { get; }

    /// <summary>
    /// Makes RAM of this size be there: kept when it is, zeros when new. Space is reserved, so that later writes
    /// cannot fail. Called before any page is read or written.
    /// </summary>
    CallOutcome PrepareMemory(long pageCount);

    /// <summary>Copies a page of the shadow's RAM to <paramref name="destination"/>.</summary>
    void ReadPage(long page, Span<byte> destination);

    /// <summary>Overwrites a page of the shadow's RAM.</summary>
    void WritePage(long page, ReadOnlySpan<byte> source);

    /// <summary>
    /// Makes this disk be there: kept when it is, zeros when new. Fails when it is there in another size.
    /// </summary>
    CallOutcome PrepareDisk(DiskGeometry disk);

    /// <summary>Reads from a disk; the range is within it.</summary>
    CallOutcome ReadDisk(string disk, long offset, Span<byte> destination);

    /// <summary>Writes to a disk; durable only after <see cref="FlushDisk"/>.</summary>
    CallOutcome WriteDisk(string disk, long offset, ReadOnlySpan<byte> source);

    /// <summary>Makes a range of a disk read as zeros; durable only after <see cref="FlushDisk"/>.</summary>
    CallOutcome ZeroDisk(string disk, long offset, long length);

    /// <summary>Makes everything written to a disk durable.</summary>
    CallOutcome FlushDisk(string disk);

    /// <summary>Size of a file in bytes; -1 when there is none.</summary>
    long FileBytes(ShadowVolume volume, string name);

    /// <summary>
    /// Writes into a file at <paramref name="offset"/>, at most its size; creates it when it is not there. Durable only
    /// after <see cref="FlushFile"/>.
    /// </summary>
    CallOutcome WriteFile(ShadowVolume volume, string name, long offset, ReadOnlySpan<byte> source);

    /// <summary>Reads exactly <paramref name="destination"/> from a file; fails when it is shorter.</summary>
    CallOutcome ReadFile(ShadowVolume volume, string name, long offset, Span<byte> destination);

    /// <summary>Makes a file, with its name, durable (on the memory volume: nothing to do).</summary>
    CallOutcome FlushFile(ShadowVolume volume, string name);

    /// <summary>
    /// Replaces a small file in one step: afterwards, also after a power cut at any moment, it holds either the old
    /// bytes or the new ones, and once this has returned, the new ones.
    /// </summary>
    CallOutcome ReplaceFile(ShadowVolume volume, string name, ReadOnlySpan<byte> source);

    /// <summary>Removes a file; no error when there is none. Durable at some later time.</summary>
    CallOutcome DeleteFile(ShadowVolume volume, string name);

    /// <summary>Names of all files on the volume, in ordinal order; RAM and disks are not among them.</summary>
    IReadOnlyList<string> ListFiles(ShadowVolume volume);
}
