using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Difference of two pages: a bitmap of the 64-byte blocks that changed, for each of them a mask of its changed 8-byte
/// words, then those words as they are now. Most writes of a guest touch a few words of a page.
/// </summary>
internal static class WordDelta
{
    /// <summary>Largest difference worth sending: from here on the page itself is as good.</summary>
    public const int BytesMax = Sizes.Page - 256;

    private const int BlockBytes = 64;
    private const int Blocks = Sizes.Page / BlockBytes;
    private const int WordsPerBlock = BlockBytes / sizeof(ulong);

    /// <summary>
    /// Writes the difference of <paramref name="content"/> to <paramref name="reference"/>; its size, or 0 when it is
    /// over <see cref="BytesMax"/>. <paramref name="destination"/> has at least that much.
    /// </summary>
    public static int Encode(ReadOnlySpan<byte> content, ReadOnlySpan<byte> reference, Span<byte> destination)
    {
        Span<byte> masks = stackalloc byte[Blocks];
        ulong changed = Compare(content, reference, masks, out int maskCount, out int wordCount);
        int bytes = sizeof(ulong) + maskCount + (wordCount * sizeof(ulong));
        if (bytes > BytesMax) return 0;
        MemoryMarshal.Write(destination, changed);
        masks[..maskCount].CopyTo(destination[sizeof(ulong)..]);
        CopyChanged(content, changed, masks, destination.Slice(sizeof(ulong) + maskCount, wordCount * sizeof(ulong)));
        return bytes;
    }

    /// <summary>Reads a difference and applies it to <paramref name="page"/>; false when it is malformed.</summary>
    public static bool Apply(ref SpanReader from, Span<byte> page)
    {
        ulong changed = from.UInt64();
        ReadOnlySpan<byte> masks = from.Bytes(BitOperations.PopCount(changed));
        int wordCount = 0;
        foreach (byte mask in masks)
        {
            if (mask == 0) return false;
            wordCount += BitOperations.PopCount(mask);
        }

        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(from.Bytes(wordCount * sizeof(ulong)));
        if (from.Failed) return false;
        Span<ulong> target = MemoryMarshal.Cast<byte, ulong>(page);
        int next = 0;
        foreach (byte mask in masks)
        {
            Span<ulong> block = target.Slice(BitOperations.TrailingZeroCount(changed) * WordsPerBlock, WordsPerBlock);
            changed &= changed - 1;
            for (uint left = mask; left != 0; left &= left - 1)
                block[BitOperations.TrailingZeroCount(left)] = words[next++];
        }

        return true;
    }

    private static ulong Compare(
        ReadOnlySpan<byte> content, ReadOnlySpan<byte> reference, Span<byte> masks, out int maskCount,
        out int wordCount)
    {
        ReadOnlySpan<Vector256<ulong>> now = MemoryMarshal.Cast<byte, Vector256<ulong>>(content[..Sizes.Page]);
        ReadOnlySpan<Vector256<ulong>> before = MemoryMarshal.Cast<byte, Vector256<ulong>>(reference[..Sizes.Page]);
        ulong changed = 0;
        int count = 0;
        int words = 0;
        for (int block = 0; block < Blocks; block++)
        {
            Vector256<ulong> low = Vector256.Equals(now[2 * block], before[2 * block]);
            Vector256<ulong> high = Vector256.Equals(now[(2 * block) + 1], before[(2 * block) + 1]);
            uint same = low.ExtractMostSignificantBits() | (high.ExtractMostSignificantBits() << 4);
            uint mask = same ^ 0xFF;
            // No branch on what a guest wrote: it could not be predicted. An unused mask is overwritten by the next.
            uint hasChanged = mask == 0 ? 0u : 1u;
            masks[count] = (byte)mask;
            count += (int)hasChanged;
            words += BitOperations.PopCount(mask);
            changed |= (ulong)hasChanged << block;
        }

        maskCount = count;
        wordCount = words;
        return changed;
    }

    private static void CopyChanged(
        ReadOnlySpan<byte> content, ulong changed, ReadOnlySpan<byte> masks, Span<byte> into)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(content);
        Span<ulong> target = MemoryMarshal.Cast<byte, ulong>(into);
        int next = 0;
        for (int i = 0; changed != 0; i++, changed &= changed - 1)
        {
            int block = BitOperations.TrailingZeroCount(changed);
            ReadOnlySpan<ulong> source = words.Slice(block * WordsPerBlock, WordsPerBlock);
            for (uint left = masks[i]; left != 0; left &= left - 1)
                target[next++] = source[BitOperations.TrailingZeroCount(left)];
        }
    }
}
