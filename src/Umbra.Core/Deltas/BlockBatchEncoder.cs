using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Core.Deltas;

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
        AddHead(operation, operation.Offset + from, taken);
        if (isWrite) AddData(data.Slice((int)from, (int)taken));
        return taken;
    }

    /// <summary>
    /// Ends the batch and begins the next one. The bytes are valid until an operation is added again.
    /// </summary>
    public ReadOnlyMemory<byte> Finish(out BatchStatistics statistics)
    {
        ulong contents = hash.Hash(_writer.Body[.._bodyBytes]);
        ReadOnlyMemory<byte> batch = _writer.Seal(
            BatchKind.Blocks, _bodyBytes, _rawBytes, Count, contents, out ulong checksum);
        statistics = new BatchStatistics
        {
            Checksum = checksum,
            Entries = Count,
            RawBytes = _rawBytes,
            BodyBytes = _bodyBytes,
            WireBytes = batch.Length,
        };
        _lastSector = 0;
        _bodyBytes = 0;
        _rawBytes = 0;
        Count = 0;
        return batch;
    }

    // Offsets count from the end of the operation before: sequential ones cost a byte.
    private void AddHead(DiskOperation operation, long offset, long length)
    {
        long sector = offset / BatchLimits.Sector;
        long sectors = length / BatchLimits.Sector;
        long gap = sector - _lastSector;
        var to = new SpanWriter(_writer.Body[_bodyBytes..]);
        to.Varint(((ulong)operation.Disk << 1) | (operation.Kind == DiskOperationKind.Zero ? 1UL : 0));
        to.Varint((ulong)((gap << 1) ^ (gap >> 63)));
        to.Varint((ulong)sectors);
        _bodyBytes += to.Written;
        _lastSector = sector + sectors;
        Count++;
    }

    private void AddData(ReadOnlySpan<byte> data)
    {
        data.CopyTo(_writer.Body[_bodyBytes..]);
        _bodyBytes += data.Length;
        _rawBytes += data.Length;
    }
}
