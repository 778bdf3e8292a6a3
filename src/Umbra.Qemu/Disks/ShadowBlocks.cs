using Umbra.Core.Basics;

namespace Umbra.Qemu.Disks;

/// <summary>
/// What the shadow's disk will hold, block by block, once it has applied all that was logged: hashes where that is
/// known. A full copy that comes by is compared with it, so that only blocks that differ are logged. A block that was
/// written in part or that the shadow never told is unknown, and always differs. Not thread-safe.
/// </summary>
public sealed class ShadowBlocks
{
    private static readonly byte[] s_zeros = new byte[Sizes.Block];

    private readonly IContentHash _hash;
    private readonly ulong _zeroHash;
    private readonly ulong[] _hashes;
    private readonly PageSet _known;

    private ShadowBlocks(long diskBytes, IContentHash hash)
    {
        // A last block that is shorter stays outside, unknown.
        long blocks = diskBytes / Sizes.Block;
        _hash = hash;
        _zeroHash = hash.Hash(s_zeros);
        _hashes = new ulong[blocks];
        _known = new PageSet(blocks);
    }

    /// <summary>A shadow whose disk is all zeros.</summary>
    public static ShadowBlocks Blank(long diskBytes, IContentHash hash)
    {
        var blocks = new ShadowBlocks(diskBytes, hash);
        Array.Fill(blocks._hashes, blocks._zeroHash);
        blocks._known.AddRange(0, blocks._hashes.Length);
        return blocks;
    }

    /// <summary>A shadow that told its hashes (seed 0), one a 64 KiB block from the first on.</summary>
    public static ShadowBlocks Told(long diskBytes, IContentHash hash, ReadOnlySpan<ulong> hashes)
    {
        var blocks = new ShadowBlocks(diskBytes, hash);
        int count = Math.Min(hashes.Length, blocks._hashes.Length);
        hashes[..count].CopyTo(blocks._hashes);
        blocks._known.AddRange(0, count);
        return blocks;
    }

    /// <summary>
    /// Notes that <paramref name="data"/> will be written to a place within one block; whether the shadow has it
    /// already and nothing needs to be written.
    /// </summary>
    public bool HasOrTakes(long offset, ReadOnlySpan<byte> data) =>
        data.Length == Sizes.Block ? HasOrTakesBlock(offset, _hash.Hash(data)) : Forgets(offset);

    /// <summary>As <see cref="HasOrTakes"/>, for zeros.</summary>
    public bool HasOrTakesZeros(long offset, long length) =>
        length == Sizes.Block ? HasOrTakesBlock(offset, _zeroHash) : Forgets(offset);

    private bool HasOrTakesBlock(long offset, ulong hash)
    {
        long block = offset / Sizes.Block;
        if (!_known.Add(block) && _hashes[block] == hash) return true;
        _hashes[block] = hash;
        return false;
    }

    private bool Forgets(long offset)
    {
        long block = offset / Sizes.Block;
        if (block < _hashes.Length) _known.Remove(block);
        return false;
    }
}
