using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Bounded cache of pages as they were last sent: what deltas are taken against. A few percent of a guest's pages take
/// nearly all its writes, so a small cache gets most of the gain. Replacement is CLOCK: one bit a page, a hand that
/// passes over pages used since its last round. Not thread-safe; after a slot's first use nothing is allocated.
/// </summary>
public sealed class ReferenceCache
{
    // Memory is taken a mebibyte at a time, as it is first used.
    private const int ChunkPages = Sizes.MiB / Sizes.Page;

    private readonly int[] _slotOfPage;
    private readonly long[] _pageOfSlot;
    private readonly bool[] _used;
    private readonly byte[]?[] _chunks;
    private int _filled;
    private int _hand;

    /// <summary>
    /// A cache of at most <paramref name="bytesMax"/> of pages of a guest with <paramref name="pageCount"/>.
    /// </summary>
    /// <remarks>Beside the pages it takes 4 bytes per page of the guest (1 MiB a GiB) and 9 per page kept.</remarks>
    public ReferenceCache(long pageCount, long bytesMax)
    {
        Invariant.Holds(pageCount >= 0 && pageCount <= Array.MaxLength && bytesMax >= 0);
        int slots = (int)Math.Min(pageCount, bytesMax / Sizes.Page);
        _slotOfPage = new int[pageCount];
        _pageOfSlot = new long[slots];
        _used = new bool[slots];
        _chunks = new byte[]?[(slots + ChunkPages - 1) / ChunkPages];
        Array.Fill(_slotOfPage, -1);
    }

    /// <summary>Most pages it holds.</summary>
    public int Capacity => _pageOfSlot.Length;

    /// <summary>Pages it holds.</summary>
    public int Count => _filled;

    /// <summary>Times that <see cref="Find"/> had the page.</summary>
    public long Hits { get; private set; }

    /// <summary>Times that <see cref="Find"/> did not have it.</summary>
    public long Misses { get; private set; }

    /// <summary>
    /// The page as last stored, or empty; the encoder brings it up to date in place. Valid until the next
    /// <see cref="Store"/>, which is for pages that were not found.
    /// </summary>
    public Span<byte> Find(long page)
    {
        int slot = _slotOfPage[page];
        if (slot < 0)
        {
            Misses++;
            return default;
        }

        Hits++;
        _used[slot] = true;
        return Slot(slot);
    }

    /// <summary>Keeps <paramref name="content"/> as the page last sent; another page may have to go for it.</summary>
    public void Store(long page, ReadOnlySpan<byte> content)
    {
        if (Capacity == 0) return;
        int slot = _slotOfPage[page];
        if (slot < 0) slot = TakeSlot(page);
        content.CopyTo(Slot(slot));
    }

    /// <summary>Forgets everything, as after any reconnect; the memory is kept.</summary>
    public void Clear()
    {
        for (int slot = 0; slot < _filled; slot++) _slotOfPage[_pageOfSlot[slot]] = -1;
        Array.Clear(_used);
        _filled = 0;
        _hand = 0;
    }

    private int TakeSlot(long page)
    {
        int slot = _filled < Capacity ? _filled++ : Evict();
        _slotOfPage[page] = slot;
        _pageOfSlot[slot] = page;
        return slot;
    }

    // A page has to be found again after it was stored to outlive the hand's next round.
    private int Evict()
    {
        while (_used[_hand])
        {
            _used[_hand] = false;
            Advance();
        }

        int slot = _hand;
        _slotOfPage[_pageOfSlot[slot]] = -1;
        Advance();
        return slot;
    }

    private void Advance() => _hand = _hand + 1 == Capacity ? 0 : _hand + 1;

    private Span<byte> Slot(int slot)
    {
        byte[] chunk = _chunks[slot / ChunkPages] ??= new byte[Math.Min(ChunkPages, Capacity) * Sizes.Page];
        return chunk.AsSpan(slot % ChunkPages * Sizes.Page, Sizes.Page);
    }
}
