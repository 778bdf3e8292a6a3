using Umbra.Core.Basics;
using Umbra.Core.Epochs;

namespace Umbra.Core.Deltas;

/// <summary>
/// Blocks of a VM's disks that the shadow lacks and no log holds: what they have is to be read from the disks. A bitmap
/// a disk, in blocks of 4 KiB, or larger ones where it would have more than <see cref="BlocksMax"/> of them. Not
/// thread-safe.
/// </summary>
public sealed class OwedBlocks
{
    /// <summary>Most blocks of one disk: 4 MiB of bitmap, 128 GiB of disk at 4 KiB a block.</summary>
    public const long BlocksMax = 32L * Sizes.MiB;

    /// <summary>Largest disk whose blocks can be owed, 32 TiB: its blocks have a megabyte.</summary>
    public const long DiskBytesMax = BlocksMax * DiskOperation.DataBytesMax;

    private readonly Owed[] _disks;
    private int _nextDisk;
    private long _nextBlock;

    /// <summary>Nothing is owed of disks of these sizes, bytes.</summary>
    public OwedBlocks(IReadOnlyList<long> diskBytes) => _disks = [.. diskBytes.Select(static bytes => new Owed(bytes))];

    /// <summary>What is owed, in whole blocks, bytes.</summary>
    public long Bytes
    {
        get
        {
            long bytes = 0;
            foreach (Owed disk in _disks) bytes += disk.Blocks.Count * disk.BlockBytes;
            return bytes;
        }
    }

    /// <summary>Size of a disk's blocks, bytes: a power of two.</summary>
    public long BlockBytes(int disk) => _disks[disk].BlockBytes;

    /// <summary>Owes every block that a range touches.</summary>
    public void Add(int disk, long offset, long length)
    {
        Owed owed = _disks[disk];
        (long first, long count) = owed.BlocksOf(offset, length);
        owed.Blocks.AddRange(first, count);
    }

    /// <summary>Owes what another set over the same disks owes.</summary>
    public void UnionWith(OwedBlocks other)
    {
        for (int disk = 0; disk < _disks.Length; disk++) _disks[disk].Blocks.UnionWith(other._disks[disk].Blocks);
    }

    /// <summary>Whether all of a range is owed.</summary>
    public bool HasAll(int disk, long offset, long length)
    {
        Owed owed = _disks[disk];
        if (owed.Blocks.IsEmpty) return false;
        (long first, long count) = owed.BlocksOf(offset, length);
        for (long block = first; block < first + count; block++)
        {
            if (!owed.Blocks.Contains(block)) return false;
        }

        return true;
    }

    /// <summary>
    /// Takes a run of blocks out, in the order of the disks, going round; false when nothing is owed.
    /// </summary>
    /// <param name="bytesMax">Most that it may have; but a block at least.</param>
    /// <param name="disk">Its disk.</param>
    /// <param name="offset">Where it begins, bytes.</param>
    /// <param name="length">How long it is, bytes; at a disk's end not a whole block perhaps.</param>
    public bool TryTake(long bytesMax, out int disk, out long offset, out long length)
    {
        (disk, offset, length) = (0, 0, 0);
        // Once more around than there are disks: what lies before the place where the last one ended.
        for (int tries = 0; tries <= _disks.Length; tries++)
        {
            Owed owed = _disks[_nextDisk];
            long first = owed.Blocks.IsEmpty ? -1 : owed.Blocks.NextFrom(_nextBlock);
            if (first >= 0)
            {
                long end = first;
                long most = Math.Max(1, bytesMax / owed.BlockBytes);
                while (end < owed.Blocks.Capacity && end - first < most && owed.Blocks.Remove(end)) end++;
                (disk, offset, _nextBlock) = (_nextDisk, first * owed.BlockBytes, end);
                length = Math.Min(end * owed.BlockBytes, owed.Bytes) - offset;
                return true;
            }

            _nextDisk = (_nextDisk + 1) % _disks.Length;
            _nextBlock = 0;
        }

        return false;
    }

    private sealed class Owed
    {
        public Owed(long bytes)
        {
            Invariant.Holds(bytes is >= 0 and <= DiskBytesMax);
            Bytes = bytes;
            BlockBytes = Sizes.Page;
            while (bytes > BlocksMax * BlockBytes) BlockBytes *= 2;
            Blocks = new PageSet((bytes + BlockBytes - 1) / BlockBytes);
        }

        public long Bytes { get; }

        public long BlockBytes { get; }

        public PageSet Blocks { get; }

        public (long First, long Count) BlocksOf(long offset, long length)
        {
            long first = offset / BlockBytes;
            return (first, ((offset + length + BlockBytes - 1) / BlockBytes) - first);
        }
    }
}
