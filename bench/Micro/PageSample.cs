using System.Runtime.InteropServices;
using Umbra.Core.Basics;

namespace Umbra.Bench.Micro;

/// <summary>
/// Made-up guest pages at two moments, from one seed. Of a hundred reported pages 18 are unchanged, 3 became zero, 2
/// are new throughout, and the rest have 1 to 12 records of 8 to 64 bytes rewritten: about what real guests under load
/// showed (14 to 26 % unchanged, word-mask deltas 11 % of the raw bytes).
/// </summary>
internal sealed class PageSample
{
    private const int RecordsMax = 12;
    private const int RecordWordsMax = 8;

    public PageSample(int pages, bool changedOnly)
    {
        Pages = pages;
        Before = new byte[pages * Sizes.Page];
        Now = new byte[pages * Sizes.Page];
        var random = new Random(20_260_101);
        Span<byte> page = stackalloc byte[Sizes.Page];
        for (int i = 0; i < pages; i++)
        {
            FillAsText(random, page);
            page.CopyTo(Before.AsSpan(i * Sizes.Page));
            Change(random, page, changedOnly ? 50 : random.Next(100));
            page.CopyTo(Now.AsSpan(i * Sizes.Page));
        }
    }

    public int Pages { get; }

    public long Bytes => Before.LongLength;

    public byte[] Before { get; }

    public byte[] Now { get; }

    public Span<byte> BeforePage(int page) => Before.AsSpan(page * Sizes.Page, Sizes.Page);

    public Span<byte> NowPage(int page) => Now.AsSpan(page * Sizes.Page, Sizes.Page);

    private static void Change(Random random, Span<byte> page, int lot)
    {
        const int unchanged = 18, zeroed = 21, renewed = 23;
        if (lot < unchanged) return;
        if (lot < zeroed)
        {
            page.Clear();
            return;
        }

        if (lot < renewed)
        {
            FillAsText(random, page);
            return;
        }

        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(page);
        for (int record = random.Next(1, RecordsMax + 1); record > 0; record--)
        {
            int length = random.Next(1, RecordWordsMax + 1);
            int at = random.Next(words.Length - length);
            for (int i = 0; i < length; i++) words[at + i] ^= (ulong)random.NextInt64(1, long.MaxValue);
        }
    }

    // Neither noise nor zeros: small numbers and pointers alike, compressible to about a third, as heaps are.
    private static void FillAsText(Random random, Span<byte> page)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(page);
        ulong heap = 0x0000_7F00_0000_0000 | ((ulong)random.Next() << 12);
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = random.Next(4) switch
            {
                0 => 0,
                1 => (ulong)random.Next(256),
                2 => heap + ((ulong)random.Next(4096) << 4),
                _ => (ulong)random.NextInt64(),
            };
        }
    }
}
