using Umbra.Core.Basics;
using Umbra.Core.Epochs;

namespace Umbra.Core.Deltas;

/// <content>What the log does not hold any more, and how it comes back into it.</content>
/// <remarks>
/// Over its limit the log keeps the places of what it held and of what is written from then on. Catching up, they are
/// read from the disks, piece by piece, and logged as writes. A guest's write is on its disk before it is logged; so
/// what is read of a block has every write that was logged before the reading began, and a block that is written to
/// while it is read is owed again.
/// </remarks>
public sealed partial class BlockLog
{
    private IReadOnlyList<long> _diskBytes = [];
    private OwedBlocks? _owed;

    // Left the log without having been acknowledged: owed again where the catching up begins anew.
    private OwedBlocks? _inDoubt;
    private bool _catchesUp;
    private int _takenDisk;
    private long _takenOffset;
    private long _takenEnd;

    /// <summary>Whether what an overflow makes it forget can be read from the disks.</summary>
    public bool CanCatchUp => _diskBytes.Count > 0;

    /// <summary>Bytes of the disks that have to be read before a cut of the log is whole.</summary>
    public long OwedBytes => _owed?.Bytes ?? 0;

    /// <summary>
    /// After an overflow, or when the reader has to begin anew while it catches up: all that the shadow may lack is
    /// owed, and the log takes operations again. Numbers go on.
    /// </summary>
    public void CatchUp()
    {
        Invariant.Holds(CanCatchUp, "a log that knows its disks");
        OweHeld();
        if (_inDoubt is { } inDoubt) _owed!.UnionWith(inDoubt);
        _inDoubt = new OwedBlocks(_diskBytes);
        Forget();
        Overflowed = false;
        _catchesUp = true;
    }

    /// <summary>
    /// Takes a piece of what is owed, to be read and given to <see cref="PutOwed"/>, or to <see cref="DropTaken"/>;
    /// false when nothing is owed. One at a time.
    /// </summary>
    /// <param name="bytesMax">Most that it has; a block at least.</param>
    /// <param name="disk">Its disk.</param>
    /// <param name="offset">Where it begins, bytes.</param>
    /// <param name="length">How long it is, bytes.</param>
    public bool TryTakeOwed(int bytesMax, out int disk, out long offset, out int length)
    {
        Invariant.Holds(_takenEnd == 0, "one piece at a time");
        (disk, offset, length) = (0, 0, 0);
        // Half of the limit, so that a piece alone never exceeds it.
        long most = Math.Min(bytesMax, BytesMax / 2);
        if (!_catchesUp || !_owed!.TryTake(most, out disk, out offset, out long taken)) return false;
        (_takenDisk, _takenOffset, _takenEnd) = (disk, offset, offset + taken);
        length = (int)taken;
        return true;
    }

    /// <summary>Logs what was read of the piece taken last, but for blocks that were written to since.</summary>
    public void PutOwed(ReadOnlySpan<byte> data)
    {
        (int disk, long at, long end) = (_takenDisk, _takenOffset, _takenEnd);
        Invariant.Holds(end > at && data.Length == end - at, "the piece that was taken");
        _takenEnd = 0;
        while (at < end)
        {
            long stop = at;
            while (stop < end && !_owed!.HasAll(disk, stop, BlockAt(disk, stop, end))) stop += BlockAt(disk, stop, end);
            ReadOnlySpan<byte> run = data.Slice((int)(at - _takenOffset), (int)(stop - at));
            if (!TryLog(disk, at, run)) Owe(disk, at, run.Length);
            at = stop < end ? stop + BlockAt(disk, stop, end) : end;
        }
    }

    /// <summary>The piece taken last was not read: it is owed as before.</summary>
    public void DropTaken()
    {
        Owe(_takenDisk, _takenOffset, _takenEnd - _takenOffset);
        _takenEnd = 0;
    }

    /// <summary>
    /// Drops the operations below <paramref name="number"/>, which were sent and are not acknowledged yet: until
    /// <see cref="Release"/> the log remembers where they were.
    /// </summary>
    public void Forgo(long number)
    {
        Invariant.Holds(_inDoubt is not null && number <= End, "while it catches up");
        while (First < number)
        {
            DiskOperation operation = At(First).Operation;
            _inDoubt.Add(operation.Disk, operation.Offset, operation.Length);
            DropFirst();
        }
    }

    private long BlockAt(int disk, long offset, long end) => Math.Min(_owed!.BlockBytes(disk), end - offset);

    // Whether an operation need not be logged, as all of its range is to be read yet.
    private bool IsOwed(int disk, long offset, long length)
    {
        if (Overflowed)
        {
            Owe(disk, offset, length);
            return true;
        }

        if (!_catchesUp) return false;
        long from = Math.Max(offset, _takenOffset), to = Math.Min(offset + length, _takenEnd);
        if (disk == _takenDisk && from < to) Owe(disk, from, to - from);
        return _owed!.HasAll(disk, offset, length);
    }

    private void Owe(int disk, long offset, long length)
    {
        if (CanCatchUp && length > 0) _owed!.Add(disk, offset, length);
    }

    private void OweHeld()
    {
        if (!CanCatchUp) return;
        _owed ??= new OwedBlocks(_diskBytes);
        for (long number = First; number < End; number++)
        {
            DiskOperation operation = At(number).Operation;
            _owed.Add(operation.Disk, operation.Offset, operation.Length);
        }
    }

    private void ForgetOwed()
    {
        _owed = _inDoubt = null;
        _catchesUp = false;
        _takenEnd = 0;
    }
}
