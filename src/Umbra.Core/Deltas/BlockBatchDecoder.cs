using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Core.Deltas;

/// <summary>
/// Takes block batches apart. The whole batch is checked before the sink is given the first operation. Not thread-safe;
/// allocates nothing after its construction.
/// </summary>
public sealed class BlockBatchDecoder(IContentHash hash, BatchCodecs codecs)
{
    private const int DataBytesMax = BatchLimits.BodyBytesMax;

    private readonly BatchReader _reader = new(hash, codecs);

    /// <summary>
    /// Decodes <paramref name="batch"/>; when it is sound, <paramref name="sink"/> is given every operation of it. An
    /// operation outside <paramref name="disks"/> makes it corrupt.
    /// </summary>
    public BatchOutcome Decode(ReadOnlySpan<byte> batch, IReadOnlyList<DiskGeometry> disks, IBlockSink sink)
    {
        string? error = _reader.Open(
            batch, BatchKind.Blocks, BatchLimits.OperationsMax, out BatchHeader header, out ulong checksum,
            out ReadOnlySpan<byte> body);
        if (error is not null) return BatchOutcome.Corrupt(error);
        if (hash.Hash(body) != header.Contents)
            return BatchOutcome.Corrupt("operations come out other than they were sent");
        if (!TryWalk(body, header.Entries, disks, null)) return BatchOutcome.Corrupt("malformed disk operation");
        Invariant.Holds(TryWalk(body, header.Entries, disks, sink), "a batch that was sound stays so");
        return new BatchOutcome("", checksum, header.Entries);
    }

    private static bool TryWalk(ReadOnlySpan<byte> body, int count, IReadOnlyList<DiskGeometry> disks, IBlockSink? sink)
    {
        var from = new SpanReader(body);
        long lastSector = 0;
        for (int i = 0; i < count; i++)
        {
            if (!TryRead(ref from, ref lastSector, disks, out DiskOperation operation)) return false;
            if (operation.Kind == DiskOperationKind.Zero)
            {
                sink?.Zero(operation.Disk, operation.Offset, operation.Length);
                continue;
            }

            if (operation.Length > DataBytesMax) return false;
            ReadOnlySpan<byte> data = from.Bytes((int)operation.Length);
            if (from.Failed) return false;
            sink?.Write(operation.Disk, operation.Offset, data);
        }

        return from.IsComplete;
    }

    private static bool TryRead(
        ref SpanReader from, ref long lastSector, IReadOnlyList<DiskGeometry> disks, out DiskOperation operation)
    {
        operation = default;
        ulong head = from.Varint();
        ulong zigzag = from.Varint();
        ulong sectors = from.Varint();
        if (from.Failed || head >> 1 >= (ulong)disks.Count) return false;
        ulong diskSectors = (ulong)disks[(int)(head >> 1)].Bytes / BatchLimits.Sector;
        ulong sector = (ulong)lastSector + ((zigzag >> 1) ^ (0 - (zigzag & 1)));
        if (sector >= diskSectors || sectors == 0 || sectors > diskSectors - sector) return false;
        lastSector = (long)(sector + sectors);
        DiskOperationKind kind = (head & 1) == 0 ? DiskOperationKind.Write : DiskOperationKind.Zero;
        operation = new DiskOperation(
            kind, (int)(head >> 1), (long)sector * BatchLimits.Sector, (long)sectors * BatchLimits.Sector);
        return true;
    }
}
