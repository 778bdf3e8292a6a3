using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Core.Deltas;

/// <summary>How one page is stored in a batch. The numbers are on the wire and in staged files.</summary>
internal enum PageKind
{
    /// <summary>All zero.</summary>
    Zero = 0,

    /// <summary>The page itself.</summary>
    Raw = 1,

    /// <summary>Changed words against the reference.</summary>
    Delta = 2,

    /// <summary>The same as an earlier raw page of the batch.</summary>
    Duplicate = 3,
}

/// <summary>
/// Puts pages into batches (docs/formats/page-batch.md), each in the smallest of four forms: zero, changed words
/// against what the other side already has, a copy of another page of the batch, or whole. Not thread-safe; allocates
/// nothing after its construction.
/// </summary>
public sealed class PageBatchEncoder
{
    // A page's entry is at most its head and the page; a batch is full when that might not fit.
    private const int EntryBytesMax = SpanWriter.VarintBytesMax + Sizes.Page;

    private readonly BatchWriter _writer;

    // Hash and place of the batch's raw pages: what duplicates are looked for among.
    private readonly ulong[] _rawHashes = new ulong[BatchLimits.BodyBytesMax / Sizes.Page];
    private readonly int[] _rawOffsets = new int[BatchLimits.BodyBytesMax / Sizes.Page];

    private long _lastPage;
    private ulong _contents;
    private int _bodyBytes;
    private int _zeroPages;
    private int _rawPages;
    private int _deltaPages;
    private int _duplicatePages;

    /// <summary>
    /// An encoder that compresses as <paramref name="compression"/> says, by what <paramref name="codecs"/> has.
    /// </summary>
    public PageBatchEncoder(IContentHash hash, BatchCodecs codecs, BatchCompression compression)
    {
        _writer = new BatchWriter(hash, codecs, compression);
        Reset();
    }

    /// <summary>Pages in the batch so far.</summary>
    public int Count => _zeroPages + _rawPages + _deltaPages + _duplicatePages;

    /// <summary>
    /// Adds a page. False: the batch is full, or has a page of this index or a higher one already; call
    /// <see cref="Finish"/>, send it, and add the page again.
    /// </summary>
    /// <param name="page">Its index.</param>
    /// <param name="content"><see cref="Sizes.Page"/> bytes.</param>
    /// <param name="hash">Content hash of them; the receiver finds out when it is wrong.</param>
    /// <param name="reference">
    /// The page as last sent over this connection, or empty. The receiver's <see cref="IPageSink.ReadReference"/> must
    /// give the same bytes: when it does not, the batch is corrupt there. Once the page is added, it holds
    /// <paramref name="content"/>.
    /// </param>
    public bool TryAdd(long page, ReadOnlySpan<byte> content, ulong hash, Span<byte> reference)
    {
        Invariant.Holds(page is >= 0 and < ProtocolLimits.PageCountMax && content.Length == Sizes.Page);
        Invariant.Holds(reference.IsEmpty || reference.Length == Sizes.Page);
        if (page <= _lastPage || Count == BatchLimits.PagesMax) return false;
        if (_bodyBytes + EntryBytesMax > BatchLimits.BodyBytesMax) return false;
        ulong gap = (ulong)(page - _lastPage - 1);
        if (content.IndexOfAnyExcept((byte)0) < 0)
        {
            AddZero(gap);
            reference.Clear();
        }
        else if (reference.IsEmpty || !TryAddDelta(gap, content, reference))
        {
            AddWhole(gap, content, hash);
            if (!reference.IsEmpty) content.CopyTo(reference);
        }

        _lastPage = page;
        _contents += RamDigest.Term(page, hash);
        return true;
    }

    /// <summary>
    /// Ends the batch and begins the next one. The bytes are valid until a page is added again. An empty batch is a
    /// batch too, of no use.
    /// </summary>
    public ReadOnlyMemory<byte> Finish(out BatchStatistics statistics)
    {
        int count = Count;
        long rawBytes = (long)count * Sizes.Page;
        ReadOnlyMemory<byte> batch = _writer.Seal(
            BatchKind.Pages, _bodyBytes, _rawPages * Sizes.Page, rawBytes, count, _contents, out ulong checksum);
        statistics = new BatchStatistics
        {
            Checksum = checksum,
            Entries = count,
            ZeroPages = _zeroPages,
            RawPages = _rawPages,
            DeltaPages = _deltaPages,
            DuplicatePages = _duplicatePages,
            RawBytes = rawBytes,
            BodyBytes = _bodyBytes,
            WireBytes = batch.Length,
        };
        Reset();
        return batch;
    }

    /// <summary>Forgets the batch so far: nothing of it will be sent.</summary>
    public void Discard() => Reset();

    private void Reset()
    {
        _lastPage = -1;
        _contents = 0;
        _bodyBytes = 0;
        _zeroPages = _rawPages = _deltaPages = _duplicatePages = 0;
    }

    private void AddZero(ulong gap)
    {
        AddHead(gap, PageKind.Zero);
        _zeroPages++;
    }

    private bool TryAddDelta(ulong gap, ReadOnlySpan<byte> content, Span<byte> reference)
    {
        int start = _bodyBytes;
        AddHead(gap, PageKind.Delta);
        int bytes = WordDelta.Encode(content, reference, _writer.Body[_bodyBytes..]);
        _bodyBytes = bytes == 0 ? start : _bodyBytes + bytes;
        if (bytes == 0) return false;
        _deltaPages++;
        return true;
    }

    private void AddWhole(ulong gap, ReadOnlySpan<byte> content, ulong hash)
    {
        int earlier = _rawHashes.AsSpan(0, _rawPages).IndexOf(hash);
        if (earlier >= 0 && content.SequenceEqual(_writer.Body.Slice(_rawOffsets[earlier], Sizes.Page)))
        {
            AddHead(gap, PageKind.Duplicate);
            AddVarint((ulong)earlier);
            _duplicatePages++;
            return;
        }

        AddHead(gap, PageKind.Raw);
        _rawHashes[_rawPages] = hash;
        _rawOffsets[_rawPages] = _bodyBytes;
        _rawPages++;
        content.CopyTo(_writer.Body[_bodyBytes..]);
        _bodyBytes += Sizes.Page;
    }

    private void AddHead(ulong gap, PageKind kind) => AddVarint((gap << 2) | (ulong)kind);

    private void AddVarint(ulong value)
    {
        var to = new SpanWriter(_writer.Body[_bodyBytes..]);
        to.Varint(value);
        _bodyBytes += to.Written;
    }
}
