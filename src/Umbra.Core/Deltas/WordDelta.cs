using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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

    /// <summary>
    /// What encoding needs of its destination: a block is written whole, its changed words in front, and
    /// the next one over the rest of it.
    /// </summary>
    public const int RoomBytes = BytesMax + BlockBytes;

    private const int BlockBytes = 64;
    private const int Blocks = Sizes.Page / BlockBytes;
    private const int WordsPerBlock = BlockBytes / sizeof(ulong);

    /// <summary>
    /// Writes the difference of <paramref name="content"/> to <paramref name="reference"/>, and makes the reference
    /// equal to the content: only what changed is written there, so that a reference of many mostly costs its reading.
    /// </summary>
    /// <returns>
    /// Size of the difference; 0 when it is over <see cref="BytesMax"/>, and then the reference is as it was.
    /// </returns>
    /// <param name="content">The page as it is.</param>
    /// <param name="reference">The page as it was.</param>
    /// <param name="destination">At least <see cref="RoomBytes"/>.</param>
    public static int Encode(ReadOnlySpan<byte> content, Span<byte> reference, Span<byte> destination) =>
        Encode(content, reference, destination, Avx512F.IsSupported);

    /// <summary>The same, with or without the instructions that move a block's words together.</summary>
    internal static int Encode(ReadOnlySpan<byte> content, Span<byte> reference, Span<byte> destination, bool wide)
    {
        Span<byte> masks = stackalloc byte[Blocks];
        ulong changed = Compare(content, reference, masks, out int maskCount, out int wordCount);
        int bytes = sizeof(ulong) + maskCount + (wordCount * sizeof(ulong));
        if (bytes > BytesMax) return 0;
        MemoryMarshal.Write(destination, changed);
        masks[..maskCount].CopyTo(destination[sizeof(ulong)..]);
        Span<byte> words = destination.Slice(sizeof(ulong) + maskCount, (wordCount * sizeof(ulong)) + BlockBytes);
        if (wide) MoveBlocks(content, reference, changed, words);
        else MoveWords(content, reference, changed, masks, words);
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

    /// <summary>
    /// The bitmap of changed blocks; <paramref name="masks"/>, of <see cref="Blocks"/>, begins with theirs.
    /// </summary>
    private static ulong Compare(
        ReadOnlySpan<byte> content, ReadOnlySpan<byte> reference, Span<byte> masks, out int maskCount,
        out int wordCount)
    {
        ReadOnlySpan<Vector512<ulong>> now = MemoryMarshal.Cast<byte, Vector512<ulong>>(content[..Sizes.Page]);
        ReadOnlySpan<Vector512<ulong>> before = MemoryMarshal.Cast<byte, Vector512<ulong>>(reference[..Sizes.Page]);
        ulong changed = 0;
        int count = 0;
        int words = 0;
        for (int block = 0; block < Blocks; block++)
        {
            uint mask = (uint)Vector512.Equals(now[block], before[block]).ExtractMostSignificantBits() ^ 0xFF;
            // No branch on what a guest wrote: it could not be predicted. An unused mask is overwritten by the next.
            uint hasChanged = (0 - mask) >> 31;
            masks[count] = (byte)mask;
            count += (int)hasChanged;
            words += BitOperations.PopCount(mask);
            changed |= (ulong)hasChanged << block;
        }

        maskCount = count;
        wordCount = words;
        return changed;
    }

    // Each block's changed words are moved together in a register; what the store writes beyond them, the next one
    // overwrites.
    private static void MoveBlocks(
        ReadOnlySpan<byte> content, Span<byte> reference, ulong changed, Span<byte> into)
    {
        ReadOnlySpan<Vector512<ulong>> now = MemoryMarshal.Cast<byte, Vector512<ulong>>(content);
        Span<Vector512<ulong>> before = MemoryMarshal.Cast<byte, Vector512<ulong>>(reference);
        int at = 0;
        for (; changed != 0; changed &= changed - 1)
        {
            int block = BitOperations.TrailingZeroCount(changed);
            Vector512<ulong> words = now[block];
            Vector512<ulong> differs = ~Vector512.Equals(words, before[block]);
            Avx512F.Compress(Vector512<ulong>.Zero, differs, words).AsByte().CopyTo(into[at..]);
            before[block] = words;
            at += BitOperations.PopCount((uint)differs.ExtractMostSignificantBits()) * sizeof(ulong);
        }
    }

    private static void MoveWords(
        ReadOnlySpan<byte> content, Span<byte> reference, ulong changed, ReadOnlySpan<byte> masks, Span<byte> into)
    {
        ReadOnlySpan<ulong> now = MemoryMarshal.Cast<byte, ulong>(content);
        Span<ulong> before = MemoryMarshal.Cast<byte, ulong>(reference);
        Span<ulong> target = MemoryMarshal.Cast<byte, ulong>(into);
        int next = 0;
        for (int i = 0; changed != 0; i++, changed &= changed - 1)
        {
            int first = BitOperations.TrailingZeroCount(changed) * WordsPerBlock;
            ReadOnlySpan<ulong> source = now.Slice(first, WordsPerBlock);
            for (uint left = masks[i]; left != 0; left &= left - 1)
                target[next++] = source[BitOperations.TrailingZeroCount(left)];
            source.CopyTo(before[first..]);
        }
    }
}
