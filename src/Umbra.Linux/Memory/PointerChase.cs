using Umbra.Core.Basics;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Memory;

/// <summary>
/// Memory in which every cache line points to another one, all in one random ring: following it shows how long one
/// access takes, as no processor can guess the next line. One thread. Pages are taken by whoever creates it, under that
/// thread's memory policy.
/// </summary>
public sealed unsafe class PointerChase : IDisposable
{
    /// <summary>Smallest ring, bytes.</summary>
    public const long BytesMin = 1 * Sizes.MiB;

    /// <summary>Largest ring, bytes: over the last-level caches of today's servers by half again.</summary>
    public const long BytesMax = 512 * Sizes.MiB;

    private const int LineBytes = 64, Readable = 1, Writable = 2, Private = 2, Anonymous = 0x20, UseHugePages = 14;
    private readonly byte* _start;
    private readonly nint _bytes;
    private byte* _at;
    private bool _isUnmapped;

    private PointerChase(byte* start, nint bytes)
    {
        _start = _at = start;
        _bytes = bytes;
    }

    /// <summary>Unmaps memory that nobody disposed.</summary>
    ~PointerChase() => Unmap();

    /// <summary>Size, bytes.</summary>
    public long Bytes => _bytes;

    /// <summary>
    /// Makes a ring of <paramref name="bytes"/>, the same for the same seed. ENOMEM: so much memory is not to be had.
    /// </summary>
    public static Outcome<PointerChase> Create(long bytes, ulong seed)
    {
        Invariant.Holds(bytes is >= BytesMin and <= BytesMax && bytes % LineBytes == 0, "a ring within its limits");
        nint start = Sys.Call(Sys.Mmap, 0, (nint)bytes, Readable | Writable, Private | Anonymous, -1, 0);
        if (start == -1) return SystemError.Last("mmap", $"{bytes} bytes for a pointer chase");
        // Large pages where there are some: else half of the time goes into finding the page. A kernel without is fine.
        _ = Sys.Call(Sys.Madvise, start, (nint)bytes, UseHugePages);
        PointerChase chase = new((byte*)start, (nint)bytes);
        chase.Link(seed);
        return chase;
    }

    /// <summary>Follows the ring for so many steps from where it stopped the last time.</summary>
    public void Follow(int steps)
    {
        Invariant.Holds(!_isUnmapped, "a ring that is still there");
        byte* at = _at;
        for (int i = 0; i < steps; i++) at = *(byte**)at;
        _at = at;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Unmap();
        GC.SuppressFinalize(this);
    }

    /// <summary>Steps until the ring is back where it is now; for tests.</summary>
    internal long Length()
    {
        long steps = 0;
        byte* at = _at;
        do
        {
            at = *(byte**)at;
            steps++;
        }
        while (at != _at && steps <= _bytes);
        return steps;
    }

    // Sattolo's shuffle: of all permutations just those that are one single ring.
    private void Link(ulong seed)
    {
        int lines = (int)(_bytes / LineBytes);
        int[] order = new int[lines];
        for (int i = 0; i < lines; i++) order[i] = i;
        ulong state = seed | 1;
        for (int i = lines - 1; i > 0; i--)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            int other = (int)(state % (ulong)i);
            (order[i], order[other]) = (order[other], order[i]);
        }

        for (int i = 0; i < lines; i++)
            *(byte**)(_start + ((nint)i * LineBytes)) = _start + ((nint)order[i] * LineBytes);
    }

    private void Unmap()
    {
        if (_isUnmapped) return;
        _isUnmapped = true;
        _ = Sys.Call(Sys.Munmap, (nint)_start, _bytes);
    }
}
