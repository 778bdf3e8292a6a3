using System.Numerics;

namespace Umbra.Core.Basics;

/// <summary>
/// A set of page (or block) indexes below a fixed count, as a bitmap: the dirty set of an epoch. Not thread-safe.
/// 1 bit a page: 32 KiB per GiB of guest.
/// </summary>
public sealed class PageSet
{
    private readonly ulong[] _words;

    /// <summary>An empty set over indexes 0 to <paramref name="capacity"/> - 1.</summary>
    public PageSet(long capacity)
    {
        Invariant.Holds(capacity >= 0 && capacity <= (long)int.MaxValue * 64);
        Capacity = capacity;
        _words = new ulong[(capacity + 63) / 64];
    }

    /// <summary>Indexes run from 0 to one below this.</summary>
    public long Capacity { get; }

    /// <summary>How many indexes are in the set.</summary>
    public long Count { get; private set; }

    /// <summary>Whether nothing is in the set.</summary>
    public bool IsEmpty => Count == 0;

    /// <summary>Whether <paramref name="index"/> is in the set.</summary>
    public bool Contains(long index) => (_words[index >> 6] & (1UL << (int)(index & 63))) != 0;

    /// <summary>Adds <paramref name="index"/>; whether it was new.</summary>
    public bool Add(long index)
    {
        Invariant.Holds((ulong)index < (ulong)Capacity, "page index within the set");
        ref ulong word = ref _words[index >> 6];
        ulong bit = 1UL << (int)(index & 63);
        if ((word & bit) != 0) return false;
        word |= bit;
        Count++;
        return true;
    }

    /// <summary>Removes <paramref name="index"/>; whether it was there.</summary>
    public bool Remove(long index)
    {
        Invariant.Holds((ulong)index < (ulong)Capacity, "page index within the set");
        ref ulong word = ref _words[index >> 6];
        ulong bit = 1UL << (int)(index & 63);
        if ((word & bit) == 0) return false;
        word &= ~bit;
        Count--;
        return true;
    }

    /// <summary>Adds <paramref name="count"/> indexes from <paramref name="first"/> on.</summary>
    public void AddRange(long first, long count)
    {
        Invariant.Holds(first >= 0 && count >= 0 && first <= Capacity - count, "page range within the set");
        long end = first + count;
        while (first < end)
        {
            int bit = (int)(first & 63);
            int take = (int)Math.Min(64 - bit, end - first);
            ulong mask = (take == 64 ? ulong.MaxValue : (1UL << take) - 1) << bit;
            ref ulong word = ref _words[first >> 6];
            Count += BitOperations.PopCount(mask & ~word);
            word |= mask;
            first += take;
        }
    }

    /// <summary>Adds every index of <paramref name="other"/>, which has the same capacity.</summary>
    public void UnionWith(PageSet other)
    {
        Invariant.Holds(other.Capacity == Capacity);
        long count = 0;
        for (int i = 0; i < _words.Length; i++)
        {
            ulong word = _words[i] | other._words[i];
            _words[i] = word;
            count += BitOperations.PopCount(word);
        }

        Count = count;
    }

    /// <summary>Empties the set.</summary>
    public void Clear()
    {
        if (Count == 0) return;
        Array.Clear(_words);
        Count = 0;
    }

    /// <summary>The smallest index in the set that is at least <paramref name="from"/>, or -1.</summary>
    public long NextFrom(long from)
    {
        if (from >= Capacity) return -1;
        long w = from >> 6;
        ulong word = _words[w] & (ulong.MaxValue << (int)(from & 63));
        while (word == 0)
        {
            if (++w >= _words.Length) return -1;
            word = _words[w];
        }

        return (w << 6) + BitOperations.TrailingZeroCount(word);
    }

    /// <summary>
    /// Fills <paramref name="into"/> with the smallest indexes that are at least <paramref name="from"/>, ascending;
    /// how many were written. Continue from the last one plus one.
    /// </summary>
    public int CopyTo(long from, Span<long> into)
    {
        int n = 0;
        if (Count == 0 || from >= Capacity) return 0;
        long w = from >> 6;
        ulong word = _words[w] & (ulong.MaxValue << (int)(from & 63));
        while (n < into.Length)
        {
            if (word == 0)
            {
                if (++w >= _words.Length) break;
                word = _words[w];
                continue;
            }

            into[n++] = (w << 6) + BitOperations.TrailingZeroCount(word);
            word &= word - 1;
        }

        return n;
    }
}
