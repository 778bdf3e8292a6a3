using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Core.Deltas;

/// <summary>How one disk operation is stored in a batch. The numbers are on the wire.</summary>
internal enum BlockKind
{
    /// <summary>A write with its data.</summary>
    Write = 0,

    /// <summary>A range that reads as zeros.</summary>
    Zero = 1,

    /// <summary>A write of what a page of guest RAM has.</summary>
    Page = 2,
}

/// <summary>
/// Puts disk operations into batches (docs/formats/block-batch.md), in order. Not thread-safe; allocates nothing after
/// its construction.
/// </summary>
public sealed class BlockBatchEncoder(IContentHash hash, BatchCodecs codecs, BatchCompression compression)
{
    // Head, offset and length of an entry.
    private const int HeadBytesMax = 3 * SpanWriter.VarintBytesMax;

    private readonly BatchWriter _writer = new(hash, codecs, compression);
    private long _lastSector;
    private int _bodyBytes;
    private long _rawBytes;
    private long _dataBytes;
    private long _nextPage;
    private ulong _pageTerms;

    /// <summary>
    /// Whether the batch so far names pages: it has to be sent before any of them is sent anew.
    /// </summary>
    public bool NamesPages { get; private set; }

    /// <summary>Operations in the batch so far.</summary>
    public int Count { get; private set; }

    /// <summary>
    /// Adds <paramref name="operation"/> from its byte <paramref name="from"/> on: how many bytes of it were taken.
    /// When some are left the batch is full: <see cref="Finish"/> it, send it, and go on from there.
    /// </summary>
    /// <param name="operation">Whole sectors.</param>
    /// <param name="data">All data of a write; ignored for others.</param>
    /// <param name="from">Bytes of the operation that earlier batches have; whole sectors, below its length.</param>
    public long Add(DiskOperation operation, ReadOnlySpan<byte> data, long from)
    {
        Invariant.Holds(operation.Disk is >= 0 and < ProtocolLimits.DisksMax && operation.Offset >= 0);
        Invariant.Holds((operation.Offset | operation.Length | from) % BatchLimits.Sector == 0, "whole sectors");
        Invariant.Holds(from >= 0 && from < operation.Length, "something left to add");
        int room = BatchLimits.BodyBytesMax - _bodyBytes - HeadBytesMax;
        if (Count == BatchLimits.OperationsMax || room < BatchLimits.Sector) return 0;
        bool isWrite = operation.Kind == DiskOperationKind.Write;
        Invariant.Holds(!isWrite || data.Length >= operation.Length, "all data of the write");
        long left = operation.Length - from;
        long taken = isWrite ? Math.Min(left, room / BatchLimits.Sector * BatchLimits.Sector) : left;
        AddHead(
            operation.Disk, isWrite ? BlockKind.Write : BlockKind.Zero, operation.Offset + from, taken,
            (ulong)(taken / BatchLimits.Sector));
        if (isWrite) AddData(data.Slice((int)from, (int)taken));
        return taken;
    }

    /// <summary>
    /// Adds a write of <see cref="Sizes.Page"/> bytes that are those of guest page <paramref name="page"/> as the
    /// receiver has it once everything sent before this batch is staged; false when the batch is full.
    /// </summary>
    /// <param name="disk">The disk's number.</param>
    /// <param name="offset">Where, bytes; a whole sector.</param>
    /// <param name="page">The page.</param>
    /// <param name="hash">Content hash of it; the receiver refuses the batch where its page has another one.</param>
    public bool TryAddPage(int disk, long offset, long page, ulong hash)
    {
        Invariant.Holds(disk is >= 0 and < ProtocolLimits.DisksMax && offset >= 0 && offset % BatchLimits.Sector == 0);
        Invariant.Holds(page is >= 0 and < ProtocolLimits.PageCountMax);
        if (Count == BatchLimits.OperationsMax || BatchLimits.BodyBytesMax - _bodyBytes < HeadBytesMax) return false;
        _pageTerms += RamDigest.Term(Count, hash);
        AddHead(disk, BlockKind.Page, offset, Sizes.Page, Zigzag(page - _nextPage));
        _nextPage = page + 1;
        _rawBytes += Sizes.Page;
        NamesPages = true;
        return true;
    }

    /// <summary>
    /// Ends the batch and begins the next one. The bytes are valid until an operation is added again.
    /// </summary>
    public ReadOnlyMemory<byte> Finish(out BatchStatistics statistics)
    {
        ulong contents = hash.Hash(_writer.Body[.._bodyBytes]) + _pageTerms;
        ReadOnlyMemory<byte> batch = _writer.Seal(
            BatchKind.Blocks, _bodyBytes, _dataBytes, _rawBytes, Count, contents, out ulong checksum);
        statistics = new BatchStatistics
        {
            Checksum = checksum,
            Entries = Count,
            RawBytes = _rawBytes,
            BodyBytes = _bodyBytes,
            WireBytes = batch.Length,
        };
        Discard();
        return batch;
    }

    /// <summary>Forgets the batch so far: nothing of it will be sent.</summary>
    public void Discard()
    {
        _lastSector = 0;
        _bodyBytes = 0;
        _rawBytes = 0;
        _dataBytes = 0;
        _nextPage = 0;
        _pageTerms = 0;
        NamesPages = false;
        Count = 0;
    }

    // Offsets count from the end of the operation before: sequential ones cost a byte.
    private void AddHead(int disk, BlockKind kind, long offset, long length, ulong sectorsOrPage)
    {
        long sector = offset / BatchLimits.Sector;
        var to = new SpanWriter(_writer.Body[_bodyBytes..]);
        to.Varint(((ulong)disk << 2) | (ulong)kind);
        to.Varint(Zigzag(sector - _lastSector));
        to.Varint(sectorsOrPage);
        _bodyBytes += to.Written;
        _lastSector = sector + (length / BatchLimits.Sector);
        Count++;
    }

    private void AddData(ReadOnlySpan<byte> data)
    {
        data.CopyTo(_writer.Body[_bodyBytes..]);
        _bodyBytes += data.Length;
        _rawBytes += data.Length;
        _dataBytes += data.Length;
    }

    private static ulong Zigzag(long value) => (ulong)((value << 1) ^ (value >> 63));
}
