using Umbra.Core.Basics;
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
    private readonly byte[] _page = new byte[Sizes.Page];

    /// <summary>
    /// Decodes <paramref name="batch"/>; when it is sound, <paramref name="sink"/> is given every operation of it. An
    /// operation outside <paramref name="disks"/>, or one that names a page from <paramref name="pageCount"/> on or one
    /// with other bytes than the sender had, makes it corrupt.
    /// </summary>
    public BatchOutcome Decode(
        ReadOnlySpan<byte> batch, IReadOnlyList<DiskGeometry> disks, long pageCount, IBlockSink sink)
    {
        string? error = _reader.Open(
            batch, BatchKind.Blocks, BatchLimits.OperationsMax, out BatchHeader header, out ulong checksum,
            out ReadOnlySpan<byte> body);
        if (error is not null) return BatchOutcome.Corrupt(error);
        var walk = new Walk(body, header.Entries, disks, pageCount);
        if (!TryWalk(walk, sink, isChecked: false, out ulong pageTerms))
            return BatchOutcome.Corrupt("malformed disk operation");
        if (hash.Hash(body) + pageTerms != header.Contents)
            return BatchOutcome.Corrupt("operations come out other than they were sent (their pages may differ)");
        Invariant.Holds(TryWalk(walk, sink, isChecked: true, out _), "a batch that was sound stays so");
        return new BatchOutcome("", checksum, header.Entries);
    }

    // Once over all of them to check, then once more to give them out.
    private bool TryWalk(in Walk walk, IBlockSink sink, bool isChecked, out ulong pageTerms)
    {
        var from = new SpanReader(walk.Body);
        long lastSector = 0, nextPage = 0;
        pageTerms = 0;
        for (int i = 0; i < walk.Count; i++)
        {
            if (!TryRead(ref from, ref lastSector, ref nextPage, walk, out Operation operation)) return false;
            if (operation.Kind == BlockKind.Zero)
            {
                if (isChecked) sink.Zero(operation.Disk, operation.Offset, operation.Length);
                continue;
            }

            if (operation.Kind == BlockKind.Page)
            {
                sink.ReadPage(operation.Page, _page);
                if (isChecked) sink.Write(operation.Disk, operation.Offset, _page);
                else pageTerms += RamDigest.Term(i, hash.Hash(_page));
                continue;
            }

            if (operation.Length > DataBytesMax) return false;
            ReadOnlySpan<byte> data = from.Bytes((int)operation.Length);
            if (from.Failed) return false;
            if (isChecked) sink.Write(operation.Disk, operation.Offset, data);
        }

        return from.IsComplete;
    }

    private static bool TryRead(
        ref SpanReader from, ref long lastSector, ref long nextPage, in Walk walk, out Operation operation)
    {
        operation = default;
        ulong head = from.Varint();
        ulong gap = from.Varint();
        ulong last = from.Varint();
        var kind = (BlockKind)(head & 3);
        if (from.Failed || kind > BlockKind.Page || head >> 2 >= (ulong)walk.Disks.Count) return false;
        ulong diskSectors = (ulong)walk.Disks[(int)(head >> 2)].Bytes / BatchLimits.Sector;
        ulong sector = Unzigzag(lastSector, gap);
        ulong sectors = kind == BlockKind.Page ? Sizes.Page / BatchLimits.Sector : last;
        if (sector >= diskSectors || sectors == 0 || sectors > diskSectors - sector) return false;
        ulong page = kind == BlockKind.Page ? Unzigzag(nextPage, last) : 0;
        if (kind == BlockKind.Page && page >= (ulong)walk.PageCount) return false;
        if (kind == BlockKind.Page) nextPage = (long)page + 1;
        lastSector = (long)(sector + sectors);
        operation = new Operation(
            kind, (int)(head >> 2), (long)sector * BatchLimits.Sector, (long)sectors * BatchLimits.Sector, (long)page);
        return true;
    }

    // What comes out is checked against its bound as an unsigned number, so that it may wrap.
    private static ulong Unzigzag(long last, ulong zigzag) => (ulong)last + ((zigzag >> 1) ^ (0 - (zigzag & 1)));

    private readonly ref struct Walk(
        ReadOnlySpan<byte> body, int count, IReadOnlyList<DiskGeometry> disks, long pageCount)
    {
        public readonly ReadOnlySpan<byte> Body = body;
        public readonly int Count = count;
        public readonly IReadOnlyList<DiskGeometry> Disks = disks;
        public readonly long PageCount = pageCount;
    }

    private readonly record struct Operation(BlockKind Kind, int Disk, long Offset, long Length, long Page);
}
