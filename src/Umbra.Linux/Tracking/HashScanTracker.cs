using Umbra.Core.Basics;
using Umbra.Linux.Memory;

namespace Umbra.Linux.Tracking;

/// <summary>
/// Finds written pages by hashing all of RAM and comparing with what was copied last: for machines whose kernel or
/// sandbox has no page tracking. Costs about 70 ms per GiB a call and 8 bytes a page; holes of the RAM file are
/// skipped.
/// </summary>
public sealed class HashScanTracker : IPageTracker
{
    private readonly GuestMemory _memory;
    private readonly IContentHash _hash;
    private readonly ulong[] _last;
    private readonly ulong _zeroHash;

    /// <summary>Hashes <paramref name="memory"/> once, so that later writes show; reads it until disposed of.</summary>
    public HashScanTracker(GuestMemory memory, IContentHash hash)
    {
        _memory = memory;
        _hash = hash;
        _zeroHash = hash.Hash(new byte[Sizes.Page]);
        _last = new ulong[memory.PageCount];
        Array.Fill(_last, _zeroHash);
        Scan(into: null);
    }

    /// <inheritdoc/>
    public string Kind => "hash-scan";

    /// <inheritdoc/>
    public SystemError? TakeDirty(PageSet into)
    {
        Invariant.Holds(into.Capacity == _memory.PageCount);
        Scan(into);
        return null;
    }

    /// <summary>
    /// A page may change and change back between two scans. Where the copy caught the moment between, both scans see
    /// the same, and only the copy's own hash shows that it is not what the page holds.
    /// </summary>
    public void NoteCopied(ReadOnlySpan<long> pages, ReadOnlySpan<byte> content)
    {
        for (int i = 0; i < pages.Length; i++) _last[pages[i]] = _hash.Hash(content.Slice(i * Sizes.Page, Sizes.Page));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The memory is the caller's.
    }

    private void Scan(PageSet? into)
    {
        long page = 0;
        while (page < _memory.PageCount)
        {
            long data = _memory.NextDataPage(page);
            for (; page < data; page++) Note(page, _zeroHash, into);
            if (data >= _memory.PageCount) return;
            long hole = _memory.NextHolePage(data);
            for (; page < hole; page++) Note(page, _hash.Hash(_memory.Page(page)), into);
        }
    }

    private void Note(long page, ulong hash, PageSet? into)
    {
        if (_last[page] == hash) return;
        _last[page] = hash;
        into?.Add(page);
    }
}
