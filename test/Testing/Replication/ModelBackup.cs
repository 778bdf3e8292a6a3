using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Testing.Replication;

/// <summary>
/// What an emulator's incremental backups put into the log: blocks as they were when the copying began, those that the
/// guest writes to before their turn first.
/// </summary>
internal sealed class ModelBackup(BlockLog log, Func<int, byte[]> contentOf)
{
    private const int BlockBytes = Sizes.Page;

    private readonly SortedSet<(int Disk, long Block)> _changed = [];
    private readonly SortedSet<(int Disk, long Block)> _toCopy = [];

    /// <summary>Whether there is something left to be copied.</summary>
    public bool IsCopying => _toCopy.Count > 0;

    /// <summary>Begins a full copy of disks of these sizes.</summary>
    public void CopyAll(IReadOnlyList<long> diskBytes)
    {
        _changed.Clear();
        _toCopy.Clear();
        for (int disk = 0; disk < diskBytes.Count; disk++)
        {
            for (long block = 0; block * BlockBytes < diskBytes[disk]; block++) _toCopy.Add((disk, block));
        }
    }

    /// <summary>Begins to copy what was written to since this was called last.</summary>
    public void CopyChanged()
    {
        Invariant.Holds(!IsCopying, "one copy at a time");
        _toCopy.UnionWith(_changed);
        _changed.Clear();
    }

    /// <summary>
    /// A range is about to be written to; false when the log did not take what has to be copied before.
    /// </summary>
    public bool Change(int disk, long offset, long length)
    {
        bool taken = true;
        for (long block = offset / BlockBytes; block * BlockBytes < offset + length; block++)
        {
            if (_toCopy.Remove((disk, block))) taken &= Copy(disk, block);
            _changed.Add((disk, block));
        }

        return taken;
    }

    /// <summary>Copies the next block; false when the log did not take it.</summary>
    public bool CopyNext()
    {
        (int disk, long block) = _toCopy.Min;
        _toCopy.Remove((disk, block));
        return Copy(disk, block);
    }

    private bool Copy(int disk, long block)
    {
        byte[] content = contentOf(disk);
        long offset = block * BlockBytes;
        ReadOnlySpan<byte> data = content.AsSpan((int)offset, (int)Math.Min(BlockBytes, content.Length - offset));
        return data.IndexOfAnyExcept((byte)0) < 0
            ? log.TryZero(disk, offset, data.Length)
            : log.TryWrite(disk, offset, data);
    }
}
