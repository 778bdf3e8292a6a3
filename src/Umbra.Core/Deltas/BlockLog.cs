using Umbra.Core.Basics;
using Umbra.Core.Epochs;

namespace Umbra.Core.Deltas;

/// <summary>
/// Log of what one VM did to its disks and the shadow does not hold yet. Operations are numbered in order; a reader may
/// read any that is not released, as often as it likes, so that a lost connection costs nothing. Bounded: over its
/// limit it forgets what was written, says so, and remembers where, so that this can be read from the disks. Not
/// thread-safe: the shell locks.
/// </summary>
/// <remarks>
/// Data lies in chunks that are used again. An operation that nobody has read yet and that is not sealed by a cut may
/// still change: a contiguous write is joined to the last one, and a write is put, block by block, into the waiting one
/// that has its range, wherever that stands, provided nothing logged after it touches the range. So what is replayed up
/// to a cut gives the same disks as every write by itself; between two cuts the order is nobody's to see.
/// </remarks>
public sealed partial class BlockLog
{
    /// <summary>Size of the pieces that data is kept in, and the most that one write in the log has, bytes.</summary>
    public const int ChunkBytes = 256 * Sizes.KiB;

    /// <summary>What an operation counts for beside its data, bytes.</summary>
    public const int OperationBytes = 64;

    // How far back the ranges themselves are looked at where one block was touched in parts: by sectors, say.
    private const int RewriteDepth = 8;

    private readonly Stack<Chunk> _free = new();
    private readonly LastTouches _touches;
    private Entry[] _ring = new Entry[64];
    private Chunk? _tail;
    private int _tailBytes;
    private long _frozenEnd;
    private long _logged;

    /// <summary>An empty log of at most <paramref name="bytesMax"/> of data and operations.</summary>
    public BlockLog(long bytesMax)
    {
        Invariant.Holds(bytesMax > 0);
        BytesMax = bytesMax;
        _touches = new LastTouches(bytesMax);
    }

    /// <summary>Limit of <see cref="Bytes"/>.</summary>
    public long BytesMax { get; }

    /// <summary>Bytes held: data, and <see cref="OperationBytes"/> for each operation.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes of writes that were put in place of waiting ones, since the log was made.</summary>
    public long ReplacedBytes { get; private set; }

    /// <summary>Number of the oldest operation held.</summary>
    public long First { get; private set; }

    /// <summary>Number that the next operation will get.</summary>
    public long End { get; private set; }

    /// <summary>
    /// Whether the limit was exceeded: the log is empty and takes nothing until <see cref="CatchUp"/> or
    /// <see cref="Restart"/>.
    /// </summary>
    public bool Overflowed { get; private set; }

    /// <summary>
    /// Logs a write; false when the log has overflowed. Long ones become several operations.
    /// </summary>
    /// <param name="disk">The disk's number.</param>
    /// <param name="offset">Where, bytes; a whole sector.</param>
    /// <param name="data">What; whole sectors.</param>
    public bool TryWrite(int disk, long offset, ReadOnlySpan<byte> data)
    {
        Invariant.Holds(offset >= 0 && offset % BatchLimits.Sector == 0 && data.Length % BatchLimits.Sector == 0);
        if (IsOwed(disk, offset, data.Length)) return !Overflowed;
        if (TryLog(disk, offset, data)) return true;
        Owe(disk, offset, data.Length);
        return !Overflowed;
    }

    /// <summary>Logs a range that reads as zeros from now on; false when the log has overflowed.</summary>
    public bool TryZero(int disk, long offset, long length)
    {
        Invariant.Holds(offset >= 0 && length > 0 && (offset | length) % BatchLimits.Sector == 0);
        if (IsOwed(disk, offset, length)) return !Overflowed;
        if (!TryReserve(0))
        {
            Owe(disk, offset, length);
            return !Overflowed;
        }

        if (!TryExtend(DiskOperationKind.Zero, disk, offset, length))
            Append(new DiskOperation(DiskOperationKind.Zero, disk, offset, length), null, 0);
        _touches.Note(disk, offset, length, End - 1);
        return true;
    }

    /// <summary>
    /// Ends what was logged so far: it will not change any more. The number after its last operation.
    /// </summary>
    /// <remarks>It is whole where nothing is owed.</remarks>
    public long Cut()
    {
        Invariant.Holds(OwedBytes == 0, "nothing is missing before a cut");
        _catchesUp = false;
        _frozenEnd = End;
        return End;
    }

    /// <summary>
    /// Operation <paramref name="number"/>, below <see cref="End"/>, and the data of a write, valid until it is
    /// released. False when the log does not hold it any more.
    /// </summary>
    public bool TryPeek(long number, out DiskOperation operation, out ReadOnlySpan<byte> data)
    {
        Invariant.Holds(number < End, "an operation that was logged");
        operation = default;
        data = default;
        if (number < First) return false;
        _frozenEnd = Math.Max(_frozenEnd, number + 1);
        ref Entry entry = ref At(number);
        operation = entry.Operation;
        if (entry.Chunk is not null) data = entry.Chunk.Bytes.AsSpan(entry.Offset, (int)operation.Length);
        return true;
    }

    /// <summary>As <see cref="TryPeek"/>, with a write's data copied to the front of <paramref name="data"/>.</summary>
    public bool TryRead(long number, Span<byte> data, out DiskOperation operation)
    {
        if (!TryPeek(number, out operation, out ReadOnlySpan<byte> held)) return false;
        held.CopyTo(data);
        return true;
    }

    /// <summary>
    /// What of <see cref="Bytes"/> lies in the operations from <paramref name="number"/> on; 0 where none is held.
    /// </summary>
    public long BytesFrom(long number)
    {
        if (number >= End || First == End) return 0;
        return _logged - At(Math.Max(number, First)).LoggedBefore;
    }

    /// <summary>Drops the operations below <paramref name="number"/>: the shadow holds them.</summary>
    public void Release(long number)
    {
        Invariant.Holds(number <= End, "only what was logged is released");
        while (First < number) DropFirst();
        if (_inDoubt is null || _catchesUp) return;
        _inDoubt = null;
        if (!Overflowed) _owed = null;
    }

    /// <summary>Forgets everything, an overflow too. Numbers go on.</summary>
    /// <param name="diskBytes">
    /// Sizes of the disks, where an overflow shall remember what was written; else, or where one has more than
    /// <see cref="OwedBlocks.DiskBytesMax"/>, it remembers nothing.
    /// </param>
    public void Restart(params IReadOnlyList<long> diskBytes)
    {
        Forget();
        ForgetOwed();
        Overflowed = false;
        _diskBytes = diskBytes.All(static bytes => bytes <= OwedBlocks.DiskBytesMax) ? diskBytes : [];
    }

    private bool TryLog(int disk, long offset, ReadOnlySpan<byte> data)
    {
        // What a waiting write has goes there; what lies between such blocks is logged anew, piece by piece.
        int anew = 0;
        while (anew < data.Length)
        {
            int inBlock = LastTouches.BlockBytes - (int)((offset + anew) % LastTouches.BlockBytes);
            int piece = Math.Min(inBlock, data.Length - anew);
            bool replaced = TryReplace(disk, offset + anew, data.Slice(anew, piece));
            if (!replaced)
            {
                anew += piece;
                continue;
            }

            ReplacedBytes += piece;
            if (!TryAppend(disk, offset, data[..anew])) return false;
            offset += anew + piece;
            data = data[(anew + piece)..];
            anew = 0;
        }

        return TryAppend(disk, offset, data);
    }

    private bool TryReserve(int dataBytes)
    {
        if (Bytes + dataBytes + OperationBytes <= BytesMax) return true;
        OweHeld();
        Forget();
        Overflowed = !_catchesUp;
        return false;
    }

    private void Forget()
    {
        First = _frozenEnd = End;
        Bytes = 0;
        Array.Clear(_ring);
        _free.Clear();
        _tail = null;
        _tailBytes = 0;
    }

    // Room in the chunk that is written to; a new one when it is full.
    private int RoomInTail()
    {
        if (_tail is null || _tailBytes == ChunkBytes)
        {
            _tail = _free.TryPop(out Chunk? chunk) ? chunk : new Chunk();
            _tailBytes = 0;
        }

        return ChunkBytes - _tailBytes;
    }

    private bool TryAppend(int disk, long offset, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int room = RoomInTail();
            int take = Math.Min(room, data.Length);
            if (!TryReserve(take)) return false;
            data[..take].CopyTo(_tail!.Bytes.AsSpan(_tailBytes));
            if (!TryExtend(DiskOperationKind.Write, disk, offset, take))
                Append(new DiskOperation(DiskOperationKind.Write, disk, offset, take), _tail, _tailBytes);
            _touches.Note(disk, offset, take, End - 1);
            _tailBytes += take;
            offset += take;
            data = data[take..];
        }

        return true;
    }

    // Puts data of one block into the waiting write that was the last to touch it, if that has all of its range.
    private bool TryReplace(int disk, long offset, ReadOnlySpan<byte> data)
    {
        long number = _touches.Of(disk, offset);
        if (number < Math.Max(First, _frozenEnd)) return false;
        return TryReplaceIn(ref At(number), disk, offset, data) || TryReplaceAmongLast(disk, offset, data);
    }

    // The last operation that touches the range itself, where the last that touches its block has other parts of it.
    private bool TryReplaceAmongLast(int disk, long offset, ReadOnlySpan<byte> data)
    {
        long oldest = Math.Max(_frozenEnd, Math.Max(First, End - RewriteDepth));
        for (long number = End - 1; number >= oldest; number--)
        {
            DiskOperation logged = At(number).Operation;
            if (logged.Disk != disk || logged.Offset >= offset + data.Length || offset >= logged.Offset + logged.Length)
                continue;
            return TryReplaceIn(ref At(number), disk, offset, data);
        }

        return false;
    }

    private static bool TryReplaceIn(ref Entry entry, int disk, long offset, ReadOnlySpan<byte> data)
    {
        DiskOperation logged = entry.Operation;
        bool has = logged.Disk == disk && logged.Offset <= offset
            && offset + data.Length <= logged.Offset + logged.Length;
        if (!has || entry.Chunk is not { } chunk) return false;
        data.CopyTo(chunk.Bytes.AsSpan(entry.Offset + (int)(offset - logged.Offset)));
        return true;
    }

    // Joins a range to the last operation when it follows on it, on the disk and (for data) in the chunk.
    private bool TryExtend(DiskOperationKind kind, int disk, long offset, long length)
    {
        if (End == First || End - 1 < _frozenEnd) return false;
        ref Entry last = ref At(End - 1);
        DiskOperation logged = last.Operation;
        if (logged.Kind != kind || logged.Disk != disk || logged.Offset + logged.Length != offset) return false;
        if (kind == DiskOperationKind.Write && last.Chunk != _tail) return false;
        last.Operation = logged with { Length = logged.Length + length };
        if (kind == DiskOperationKind.Write) Count(length);
        return true;
    }

    private void Append(DiskOperation operation, Chunk? chunk, int offset)
    {
        if (End - First == _ring.Length) Grow();
        End++;
        At(End - 1) = new Entry { Operation = operation, Chunk = chunk, Offset = offset, LoggedBefore = _logged };
        Count(OperationBytes);
        if (chunk is null) return;
        chunk.Operations++;
        Count(operation.Length);
    }

    private void Count(long bytes)
    {
        Bytes += bytes;
        _logged += bytes;
    }

    private void DropFirst()
    {
        ref Entry entry = ref At(First);
        Bytes -= OperationBytes;
        if (entry.Chunk is { } chunk)
        {
            Bytes -= entry.Operation.Length;
            if (--chunk.Operations == 0) Recycle(chunk);
        }

        entry = default;
        First++;
    }

    private void Recycle(Chunk chunk)
    {
        if (chunk == _tail) _tailBytes = 0;
        else _free.Push(chunk);
    }

    // Bounded by BytesMax, of which every operation takes its part.
    private void Grow()
    {
        var larger = new Entry[_ring.Length * 2];
        for (long number = First; number < End; number++) larger[number & (larger.Length - 1)] = At(number);
        _ring = larger;
    }

    private ref Entry At(long number) => ref _ring[number & (_ring.Length - 1)];

    private sealed class Chunk
    {
        public byte[] Bytes { get; } = GC.AllocateUninitializedArray<byte>(ChunkBytes);

        public int Operations { get; set; }
    }

    private struct Entry
    {
        public DiskOperation Operation;
        public Chunk? Chunk;
        public int Offset;

        // What everything before it counted for, released or not.
        public long LoggedBefore;
    }
}
