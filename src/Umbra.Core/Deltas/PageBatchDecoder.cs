using System.Numerics;
using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Takes page batches apart. A batch is decoded as a whole into buffers and its contents checked before the sink is
/// given the first page: what a wrong reference, a damaged byte or a hostile sender would give never reaches it. Not
/// thread-safe; allocates nothing once the buffers have the size of the largest batch (at most 4.3 MiB).
/// </summary>
public sealed class PageBatchDecoder
{
    private static readonly byte[] s_zeroPage = new byte[Sizes.Page];

    private readonly IContentHash _hash;
    private readonly BatchReader _reader;
    private readonly ulong _zeroHash;
    private Entry[] _entries = [];
    private int[] _rawEntries = [];
    private byte[] _patched = [];

    /// <summary>A decoder with the same hash and compressors as the encoder's.</summary>
    public PageBatchDecoder(IContentHash hash, BatchCodecs codecs)
    {
        _hash = hash;
        _reader = new BatchReader(hash, codecs);
        _zeroHash = hash.Hash(s_zeroPage);
    }

    /// <summary>
    /// Decodes <paramref name="batch"/>; when it is sound, <paramref name="sink"/> is given every page of it.
    /// </summary>
    /// <param name="batch">The whole batch.</param>
    /// <param name="pageCount">Guest RAM in pages: a batch with an index beyond is corrupt.</param>
    /// <param name="sink">Gives references and takes pages.</param>
    public BatchOutcome Decode(ReadOnlySpan<byte> batch, long pageCount, IPageSink sink)
    {
        string? error = _reader.Open(
            batch, BatchKind.Pages, BatchLimits.PagesMax, out BatchHeader header, out ulong checksum,
            out ReadOnlySpan<byte> body);
        if (error is not null) return BatchOutcome.Corrupt(error);
        MakeRoom(header.Entries);
        if (!TryParse(body, header.Entries, pageCount, sink)) return BatchOutcome.Corrupt("malformed page entry");
        ulong contents = 0;
        foreach (Entry entry in _entries.AsSpan(0, header.Entries)) contents += RamDigest.Term(entry.Page, entry.Hash);
        if (contents != header.Contents)
            return BatchOutcome.Corrupt("pages come out other than they were sent (their references differ)");
        foreach (Entry entry in _entries.AsSpan(0, header.Entries))
            sink.Page(entry.Page, Content(body, entry), entry.Hash);
        return new BatchOutcome("", checksum, header.Entries);
    }

    private void MakeRoom(int entries)
    {
        if (entries <= _entries.Length) return;
        int room = (int)BitOperations.RoundUpToPowerOf2((uint)entries);
        _entries = new Entry[room];
        _rawEntries = new int[room];
        _patched = GC.AllocateUninitializedArray<byte>(room * Sizes.Page);
    }

    private bool TryParse(ReadOnlySpan<byte> body, int count, long pageCount, IPageSink sink)
    {
        var from = new SpanReader(body);
        long last = -1;
        int rawCount = 0;
        for (int i = 0; i < count; i++)
        {
            ulong head = from.Varint();
            ulong gap = head >> 2;
            if (from.Failed || gap >= (ulong)(pageCount - last - 1)) return false;
            last += (long)gap + 1;
            var kind = (PageKind)(head & 3);
            if (!TryParseEntry(ref from, body, last, kind, i, rawCount, sink)) return false;
            if (kind == PageKind.Raw) _rawEntries[rawCount++] = i;
        }

        return from.IsComplete;
    }

    private bool TryParseEntry(
        ref SpanReader from, ReadOnlySpan<byte> body, long page, PageKind kind, int number, int rawCount,
        IPageSink sink)
    {
        ref Entry entry = ref _entries[number];
        switch (kind)
        {
            case PageKind.Zero:
                entry = new Entry(page, PageKind.Zero, 0, _zeroHash);
                return true;
            case PageKind.Raw:
                int offset = from.Position;
                if (from.Bytes(Sizes.Page).IsEmpty) return false;
                entry = new Entry(page, PageKind.Raw, offset, _hash.Hash(body.Slice(offset, Sizes.Page)));
                return true;
            case PageKind.Delta:
                Span<byte> patched = _patched.AsSpan(number * Sizes.Page, Sizes.Page);
                sink.ReadReference(page, patched);
                if (!WordDelta.Apply(ref from, patched)) return false;
                entry = new Entry(page, PageKind.Delta, number * Sizes.Page, _hash.Hash(patched));
                return true;
            default:
                ulong earlier = from.Varint();
                if (from.Failed || earlier >= (ulong)rawCount) return false;
                entry = _entries[_rawEntries[earlier]] with { Page = page };
                return true;
        }
    }

    private ReadOnlySpan<byte> Content(ReadOnlySpan<byte> body, Entry entry) => entry.Kind switch
    {
        PageKind.Zero => s_zeroPage,
        PageKind.Raw => body.Slice(entry.Offset, Sizes.Page),
        _ => _patched.AsSpan(entry.Offset, Sizes.Page),
    };

    // Where a decoded page is: in the body when raw, in the patched pages when a delta.
    private readonly record struct Entry(long Page, PageKind Kind, int Offset, ulong Hash);
}
