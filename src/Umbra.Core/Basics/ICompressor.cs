namespace Umbra.Core.Basics;

/// <summary>A general-purpose block compressor; the product binds Debian's liblz4 and libzstd in Umbra.Linux.</summary>
public interface ICompressor
{
    /// <summary>Largest output for <paramref name="sourceBytes"/> of input.</summary>
    int CompressedBytesMax(int sourceBytes);

    /// <summary>
    /// Compresses <paramref name="source"/>; bytes written, or 0 when <paramref name="destination"/> is too small.
    /// </summary>
    int Compress(ReadOnlySpan<byte> source, Span<byte> destination);

    /// <summary>
    /// Decompresses into <paramref name="destination"/>; bytes written, or -1 when the input is malformed or does not
    /// fit. Never reads or writes outside the spans, whatever the input.
    /// </summary>
    int Decompress(ReadOnlySpan<byte> source, Span<byte> destination);
}
