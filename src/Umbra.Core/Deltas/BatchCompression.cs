using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>Whether batches are compressed as a whole, after their own encoding.</summary>
public enum BatchCompression
{
    /// <summary>Never.</summary>
    None = 0,

    /// <summary>LZ4, where it makes the batch at least an eighth smaller.</summary>
    Lz4 = 1,

    /// <summary>Zstandard, where it makes the batch at least an eighth smaller.</summary>
    Zstd = 2,

    /// <summary>As did best on the last batch that was tried in every way: every sixteenth is.</summary>
    Auto = 3,

    /// <summary>Zstandard against what was sent before, always.</summary>
    Stream = 4,
}

/// <summary>
/// Compressors at hand; null: this one is not. Both sides of a pair have the same. All encoders of a connection share
/// its <paramref name="History"/>, and so do all its decoders.
/// </summary>
public sealed record BatchCodecs(ICompressor? Lz4, ICompressor? Zstd, BatchHistory? History = null)
{
    /// <summary>No compressor: batches are sent as they are.</summary>
    public static BatchCodecs None { get; } = new(null, null);
}
