using Umbra.Core.Deltas;
using Umbra.Core.Epochs;

namespace Umbra.Qemu.Disks;

/// <summary>
/// The <see cref="BlockLog"/> of one VM between the threads that fill it (one a disk's NBD connection) and the one that
/// reads it. Its lock is held for one copy of at most a megabyte.
/// </summary>
public sealed class DiskLog(long bytesMax)
{
    private readonly Lock _gate = new();
    private readonly BlockLog _log = new(bytesMax);

    /// <summary>Number of the oldest operation held.</summary>
    public long First
    {
        get
        {
            lock (_gate) return _log.First;
        }
    }

    /// <summary>Number that the next operation will get.</summary>
    public long End
    {
        get
        {
            lock (_gate) return _log.End;
        }
    }

    /// <summary>Whether the limit was exceeded: it takes nothing until <see cref="Restart"/>.</summary>
    public bool Overflowed
    {
        get
        {
            lock (_gate) return _log.Overflowed;
        }
    }

    /// <summary>How full it is: 0 empty, 1 at its limit.</summary>
    public double Fill
    {
        get
        {
            lock (_gate) return (double)_log.Bytes / _log.BytesMax;
        }
    }

    /// <summary>Bytes of writes that were put in place of waiting ones.</summary>
    public long ReplacedBytes
    {
        get
        {
            lock (_gate) return _log.ReplacedBytes;
        }
    }

    /// <summary>Bytes held of the operations from <paramref name="number"/> on.</summary>
    public long BytesFrom(long number)
    {
        lock (_gate) return _log.BytesFrom(number);
    }

    /// <summary>Limit, bytes.</summary>
    public long BytesMax => _log.BytesMax;

    /// <summary>Logs a write of whole sectors; false when the log has overflowed.</summary>
    public bool TryWrite(int disk, long offset, ReadOnlySpan<byte> data)
    {
        lock (_gate) return _log.TryWrite(disk, offset, data);
    }

    /// <summary>Logs zeros, whole sectors; false when the log has overflowed.</summary>
    public bool TryZero(int disk, long offset, long length)
    {
        lock (_gate) return _log.TryZero(disk, offset, length);
    }

    /// <summary>
    /// Ends what was logged so far, with the number after its last operation; false when something is missing.
    /// </summary>
    public bool TryCut(out long end)
    {
        lock (_gate)
        {
            bool isWhole = !_log.Overflowed && _log.OwedBytes == 0;
            end = isWhole ? _log.Cut() : 0;
            return isWhole;
        }
    }

    /// <summary>Reads an operation below <see cref="End"/>; false when the log does not hold it any more.</summary>
    public bool TryRead(long number, Span<byte> data, out DiskOperation operation)
    {
        lock (_gate) return _log.TryRead(number, data, out operation);
    }

    /// <summary>Drops the operations below <paramref name="number"/>.</summary>
    public void Release(long number)
    {
        lock (_gate) _log.Release(number);
    }

    /// <summary>Forgets everything, an overflow too. Numbers go on.</summary>
    /// <param name="diskBytes">As <see cref="BlockLog.Restart"/>.</param>
    public void Restart(params IReadOnlyList<long> diskBytes)
    {
        lock (_gate) _log.Restart(diskBytes);
    }

    /// <summary>Whether what an overflow makes it forget can be read from the disks.</summary>
    public bool CanCatchUp
    {
        get
        {
            lock (_gate) return _log.CanCatchUp;
        }
    }

    /// <summary>Bytes of the disks that have to be read before a cut is whole.</summary>
    public long OwedBytes
    {
        get
        {
            lock (_gate) return _log.OwedBytes;
        }
    }

    /// <summary>Owes all that was not released, and logs again.</summary>
    public void CatchUp()
    {
        lock (_gate) _log.CatchUp();
    }

    /// <summary>Takes a piece of what is owed; false when nothing is.</summary>
    public bool TryTakeOwed(int bytesMax, out int disk, out long offset, out int length)
    {
        lock (_gate) return _log.TryTakeOwed(bytesMax, out disk, out offset, out length);
    }

    /// <summary>Logs what was read of the piece taken last, but for blocks that were written to since.</summary>
    public void PutOwed(ReadOnlySpan<byte> data)
    {
        lock (_gate) _log.PutOwed(data);
    }

    /// <summary>The piece taken last was not read.</summary>
    public void DropTaken()
    {
        lock (_gate) _log.DropTaken();
    }

    /// <summary>Drops operations that were sent and are not acknowledged yet.</summary>
    public void Forgo(long number)
    {
        lock (_gate) _log.Forgo(number);
    }
}
