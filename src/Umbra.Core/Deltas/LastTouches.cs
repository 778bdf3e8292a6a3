using System.Numerics;
using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Which operation of a log was the last to touch a block, where that is known. What it says is right; a block that
/// falls out, because another took its slot or an operation touched too many at once, is only not known any more.
/// </summary>
internal sealed class LastTouches
{
    /// <summary>Grain of what is known, bytes: a page of a filesystem or a database.</summary>
    public const int BlockBytes = 4 * Sizes.KiB;

    /// <summary>Most slots, however large the log: 1 MiB of memory.</summary>
    public const int SlotsMax = 65_536;

    // More than the longest write has, so that only long zeros make everything before them unknown.
    private const int BlocksNotedMax = 72;

    private readonly Slot[] _slots;
    private readonly int _shift;
    private long _knownFrom;

    /// <summary>For a log of at most <paramref name="bytesMax"/>: two slots for each block that fits.</summary>
    public LastTouches(long bytesMax)
    {
        long wanted = Math.Clamp(bytesMax / BlockBytes * 2, 64, SlotsMax);
        _slots = new Slot[BitOperations.RoundUpToPowerOf2((uint)wanted)];
        _shift = 64 - BitOperations.Log2((uint)_slots.Length);
    }

    /// <summary>Operation <paramref name="number"/>, the newest of all, touches the range.</summary>
    public void Note(int disk, long offset, long length, long number)
    {
        long first = offset / BlockBytes, last = (offset + length - 1) / BlockBytes;
        if (last - first >= BlocksNotedMax)
        {
            _knownFrom = number;
            return;
        }

        for (long block = first; block <= last; block++)
        {
            long key = Key(disk, block);
            At(key) = new Slot { Key = key, After = number + 1 };
        }
    }

    /// <summary>
    /// Number of the last operation that touched the block with <paramref name="offset"/> in it; -1: unknown.
    /// </summary>
    public long Of(int disk, long offset)
    {
        long key = Key(disk, offset / BlockBytes);
        ref Slot slot = ref At(key);
        return slot.Key == key && slot.After > _knownFrom ? slot.After - 1 : -1;
    }

    // Two blocks of one key share a slot: each touch of either is noted, so what is known of it is of the last.
    private static long Key(int disk, long block) => ((long)disk << 52) ^ block;

    private ref Slot At(long key) => ref _slots[((ulong)key * 0x9E3779B97F4A7C15) >> _shift];

    private struct Slot
    {
        public long Key;

        // One more than the operation's number: a slot that was never used knows nothing.
        public long After;
    }
}
