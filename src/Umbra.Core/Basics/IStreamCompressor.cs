namespace Umbra.Core.Basics;

/// <summary>
/// A compressor that remembers: each piece is compressed against those before it, and can be decompressed only after
/// them, in order. Compressing and decompressing each have a history of their own, with a limit that is the
/// implementation's. Takes its memory when it is first used in a direction. Not thread-safe.
/// </summary>
public interface IStreamCompressor
{
    /// <summary>What it remembers at most, bytes before compression.</summary>
    int HistoryBytes { get; }

    /// <summary>Largest output for a piece of <paramref name="sourceBytes"/>.</summary>
    int CompressedBytesMax(int sourceBytes);

    /// <summary>Forgets what was compressed.</summary>
    void BeginCompressing();

    /// <summary>
    /// Compresses <paramref name="source"/> as the next piece, into at least <see cref="CompressedBytesMax"/>; bytes
    /// written, or 0 when that failed: then nothing more can be compressed before <see cref="BeginCompressing"/>.
    /// </summary>
    int Compress(ReadOnlySpan<byte> source, Span<byte> destination);

    /// <summary>Forgets what was decompressed.</summary>
    void BeginDecompressing();

    /// <summary>
    /// Decompresses the next piece, which has to fill <paramref name="destination"/>; bytes written, or -1 when it is
    /// malformed or of another size: then nothing more can be decompressed before <see cref="BeginDecompressing"/>.
    /// Never reads or writes outside the spans, whatever the input, and takes no more memory than its history needs.
    /// </summary>
    int Decompress(ReadOnlySpan<byte> source, Span<byte> destination);
}
