using Umbra.Core.Basics;
using Umbra.Linux.Memory;

namespace Umbra.Linux.Tests.Support;

/// <summary>
/// Whole copies of a guest's RAM, and which pages differ between two: the truth that trackers are held to.
/// </summary>
internal static class RamCopy
{
    public static byte[] Of(GuestMemory memory)
    {
        byte[] copy = new byte[memory.Bytes];
        memory.Pages(0, (int)memory.PageCount).CopyTo(copy);
        return copy;
    }

    public static PageSet Changed(byte[] before, byte[] after)
    {
        PageSet changed = new(before.Length / Sizes.Page);
        for (int page = 0; page < changed.Capacity; page++)
        {
            Range bytes = (page * Sizes.Page)..((page + 1) * Sizes.Page);
            if (!before.AsSpan(bytes).SequenceEqual(after.AsSpan(bytes))) changed.Add(page);
        }

        return changed;
    }

    /// <summary>Pages in <paramref name="needed"/> that <paramref name="reported"/> lacks.</summary>
    public static List<long> Missed(PageSet needed, PageSet reported)
    {
        List<long> missed = [];
        for (long page = needed.NextFrom(0); page >= 0; page = needed.NextFrom(page + 1))
        {
            if (!reported.Contains(page)) missed.Add(page);
        }

        return missed;
    }
}
