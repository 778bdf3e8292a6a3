using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Digest of a whole RAM (or of any set of pages) that does not depend on the order in which pages are looked at: the
/// sum modulo 2^64 of one term per page. When a page changes, only its term does, so an epoch costs its dirty pages and
/// not the size of the guest. Guards against mistakes and bad hardware, not against an enemy.
/// </summary>
public readonly record struct RamDigest(ulong Value)
{
    /// <summary>What page <paramref name="page"/> with content hash <paramref name="hash"/> adds.</summary>
    public static ulong Term(long page, ulong hash) => Mix(hash ^ Mix((ulong)page + 0x9E3779B97F4A7C15));

    /// <summary>Digest of <paramref name="pageCount"/> pages from 0 on that all have the same content.</summary>
    public static RamDigest OfUniform(long pageCount, ulong hash)
    {
        ulong sum = 0;
        for (long page = 0; page < pageCount; page++) sum += Term(page, hash);
        return new RamDigest(sum);
    }

    /// <summary>With one more page.</summary>
    public RamDigest Add(long page, ulong hash) => new(Value + Term(page, hash));

    /// <summary>With the content of one page replaced.</summary>
    public RamDigest Replace(long page, ulong oldHash, ulong newHash) =>
        new(Value - Term(page, oldHash) + Term(page, newHash));

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("x16");

    // SplitMix64's finalizer (Steele, Lea, Flood 2014): every input bit reaches every output bit.
    internal static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
