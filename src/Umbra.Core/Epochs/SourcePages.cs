using System.Buffers.Binary;
using System.Numerics;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Core.Epochs;

/// <summary>
/// The source's view of guest RAM: which pages are dirty, which were sent in the open epoch and in the one that is not
/// acknowledged yet, and the hash of every page as the shadow has it. Nothing is forgotten before the shadow has it: a
/// page leaves one set only by entering the next.
/// </summary>
internal sealed class SourcePages
{
    private readonly ISourceGuest _guest;
    private readonly IContentHash _hash;
    private readonly ReferenceCache _cache;
    private readonly PageBatchEncoder _encoder;
    private readonly PageSet _pending;
    private readonly PageSet _known;
    private readonly ulong[] _hashes;
    private readonly int[] _newestOfHash;
    private readonly long[] _chunkPages;
    private readonly byte[] _chunk;
    private readonly long[] _pausePages;
    private readonly byte[] _pauseBuffer;
    private PageSet _sent;
    private PageSet _unacknowledged;
    private int _pauseCount;
    private int _pauseNext;
    private long _cursor;
    private RamDigest _ram;

    public SourcePages(ISourceGuest guest, SourceOptions options)
    {
        _guest = guest;
        _hash = options.Hash;
        _cache = new ReferenceCache(guest.PageCount, CacheBytes(options));
        _encoder = new PageBatchEncoder(options.Hash, options.Codecs, options.Compression);
        _pending = new PageSet(guest.PageCount);
        _sent = new PageSet(guest.PageCount);
        _unacknowledged = new PageSet(guest.PageCount);
        _known = new PageSet(guest.PageCount);
        _hashes = new ulong[guest.PageCount];
        _newestOfHash = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, _cache.Capacity * 2))];
        int chunkPages = (int)Math.Min(guest.PageCount, SessionLimits.PagesPerStep);
        _chunkPages = new long[chunkPages];
        _chunk = GC.AllocateUninitializedArray<byte>(chunkPages * Sizes.Page);
        int pausePages = SessionLimits.PausePages(guest.PageCount);
        _pausePages = new long[pausePages];
        _pauseBuffer = GC.AllocateUninitializedArray<byte>(pausePages * Sizes.Page);
    }

    /// <summary>Pages known to be dirty and not sent yet.</summary>
    public long PendingCount => _pending.Count;

    /// <summary>Pages copied in the pause and not encoded yet.</summary>
    public int PausedLeft => _pauseCount - _pauseNext;

    /// <summary>RAM as the shadow has it once everything sent is applied; only when every page is known.</summary>
    public RamDigest Ram
    {
        get
        {
            Invariant.Holds(
                _known.Count == _known.Capacity, "what the shadow has of every page is known at an epoch's end");
            return _ram;
        }
    }

    /// <summary>
    /// Forgets everything about the shadow and arms the tracker: every page counts as dirty, and what
    /// <see cref="SetShadowHashes"/> tells before the first round lets the equal ones be dropped.
    /// </summary>
    public CallOutcome BeginAnew()
    {
        Abandon();
        _sent.Clear();
        _unacknowledged.Clear();
        _known.Clear();
        _ram = default;
        // Armed before anything is compared: what is written from here on is reported again.
        CallOutcome armed = _guest.TakeDirty(_pending);
        _pending.AddRange(0, _pending.Capacity);
        return armed;
    }

    /// <summary>Notes that the shadow holds zeros only.</summary>
    public void SetShadowBlank()
    {
        ulong zero = _hash.Hash(new byte[Sizes.Page]);
        for (long page = 0; page < _hashes.LongLength; page++) SetHash(page, zero);
    }

    /// <summary>Notes hashes of the shadow's pages from <paramref name="first"/>, little-endian u64 each.</summary>
    public void SetShadowHashes(long first, ReadOnlySpan<byte> hashes)
    {
        for (int i = 0; i < hashes.Length / 8; i++)
            SetHash(first + i, BinaryPrimitives.ReadUInt64LittleEndian(hashes[(i * 8)..]));
    }

    /// <summary>Takes what the guest has written since the last time.</summary>
    public CallOutcome Scan()
    {
        _cursor = 0;
        return _guest.TakeDirty(_pending);
    }

    /// <summary>
    /// Copies, encodes and sends at most <paramref name="pagesMax"/> of the dirty pages, in ascending order.
    /// </summary>
    public CallOutcome SendSome(EpochWriter writer, int pagesMax)
    {
        int count = _pending.CopyTo(_cursor, _chunkPages.AsSpan(0, Math.Min(pagesMax, _chunkPages.Length)));
        if (count == 0 && _cursor > 0)
        {
            _cursor = 0;
            count = _pending.CopyTo(0, _chunkPages.AsSpan(0, Math.Min(pagesMax, _chunkPages.Length)));
        }

        if (count == 0) return CallOutcome.Done;
        CallOutcome copied = _guest.CopyPages(_chunkPages.AsSpan(0, count), _chunk);
        if (!copied.Succeeded) return copied;
        for (int i = 0; i < count; i++)
        {
            _pending.Remove(_chunkPages[i]);
            Encode(writer, _chunkPages[i], _chunk.AsSpan(i * Sizes.Page, Sizes.Page));
        }

        _cursor = _chunkPages[count - 1] + 1;
        return copied;
    }

    /// <summary>
    /// With the guest paused: copies every dirty page to the pause buffer. They stay dirty until
    /// <see cref="KeepPaused"/>, so a barrier that fails after this has forgotten nothing.
    /// </summary>
    public CallOutcome CopyPaused()
    {
        Invariant.Holds(_pending.Count <= _pausePages.Length, "what is copied in the pause fits its buffer");
        _pauseNext = 0;
        _pauseCount = _pending.CopyTo(0, _pausePages);
        return _pauseCount == 0
            ? CallOutcome.Done
            : _guest.CopyPages(_pausePages.AsSpan(0, _pauseCount), _pauseBuffer);
    }

    /// <summary>Most pages that <see cref="CopyPaused"/> can take.</summary>
    public int PauseCapacity => _pausePages.Length;

    /// <summary>The cut is made: the copies in the pause buffer belong to the epoch.</summary>
    public void KeepPaused()
    {
        _sent.UnionWith(_pending);
        _pending.Clear();
        _cursor = 0;
    }

    /// <summary>The cut failed: the copies are of no use.</summary>
    public void DropPaused() => _pauseCount = _pauseNext = 0;

    /// <summary>Encodes and sends at most <paramref name="pagesMax"/> of the copies made in the pause.</summary>
    public void SendPaused(EpochWriter writer, int pagesMax)
    {
        for (int n = 0; n < pagesMax && _pauseNext < _pauseCount; n++, _pauseNext++)
            Encode(writer, _pausePages[_pauseNext], _pauseBuffer.AsSpan(_pauseNext * Sizes.Page, Sizes.Page));
    }

    /// <summary>
    /// A page that the shadow has with just these bytes once all that was encoded is staged; -1: none is known.
    /// Compared byte for byte with what was last sent: a hash alone is no proof.
    /// </summary>
    public long PageWith(ReadOnlySpan<byte> content, ulong hash)
    {
        long page = _newestOfHash[hash & (ulong)(_newestOfHash.Length - 1)] - 1L;
        if (page < 0 || !_known.Contains(page) || _hashes[page] != hash) return -1;
        return _cache.Find(page).SequenceEqual(content) ? page : -1;
    }

    /// <summary>Sends what the encoder still holds.</summary>
    public void Flush(EpochWriter writer)
    {
        if (_encoder.Count == 0) return;
        ReadOnlyMemory<byte> batch = _encoder.Finish(out BatchStatistics statistics);
        writer.SendPages(batch, statistics);
    }

    /// <summary>The open epoch is cut and sent: it waits for its acknowledgement, another one begins.</summary>
    public void CutSent()
    {
        Invariant.Holds(_unacknowledged.IsEmpty && PausedLeft == 0, "one epoch at most is unacknowledged");
        (_sent, _unacknowledged) = (_unacknowledged, _sent);
    }

    /// <summary>The shadow has the epoch that was waited for.</summary>
    public void Acknowledged() => _unacknowledged.Clear();

    /// <summary>
    /// What was sent of the open epoch is lost, and what was cut but not acknowledged too: all of it is dirty again,
    /// and what the shadow has of it is unknown.
    /// </summary>
    public void TakeBack()
    {
        _sent.UnionWith(_unacknowledged);
        _unacknowledged.Clear();
        _pending.UnionWith(_sent);
        for (long page = _sent.NextFrom(0); page >= 0; page = _sent.NextFrom(page + 1)) ForgetHash(page);
        _sent.Clear();
        Abandon();
    }

    private void Abandon()
    {
        DropPaused();
        _cursor = 0;
        _cache.Clear();
        _encoder.Discard();
    }

    // What the compressor remembers was sent as well: one limit for both, of which pages have half at least.
    private static long CacheBytes(SourceOptions options)
    {
        long bytes = options.Policy.ReferenceCacheBytes;
        return bytes - Math.Min(bytes / 2, options.Codecs.History?.HistoryBytes ?? 0);
    }

    private void Encode(EpochWriter writer, long page, ReadOnlySpan<byte> content)
    {
        ulong hash = _hash.Hash(content);
        if (_known.Contains(page) && _hashes[page] == hash) return;
        Span<byte> reference = _cache.Find(page);
        if (!_encoder.TryAdd(page, content, hash, reference))
        {
            Flush(writer);
            Invariant.Holds(_encoder.TryAdd(page, content, hash, reference), "an empty batch takes a page");
        }

        if (reference.IsEmpty) _cache.Store(page, content);
        SetHash(page, hash);
        _newestOfHash[hash & (ulong)(_newestOfHash.Length - 1)] = (int)page + 1;
        _sent.Add(page);
    }

    private void SetHash(long page, ulong hash)
    {
        ForgetHash(page);
        _hashes[page] = hash;
        _known.Add(page);
        _ram = _ram.Add(page, hash);
    }

    private void ForgetHash(long page)
    {
        if (_known.Remove(page)) _ram = new RamDigest(_ram.Value - RamDigest.Term(page, _hashes[page]));
    }
}
