using Umbra.Core.Basics;

namespace Umbra.Testing;

/// <summary>
/// A managed compressor for tests: runs of equal bytes as (count, byte) pairs. Runs shrink, noise doubles, malformed
/// input is refused: all that callers of a real compressor have to cope with.
/// </summary>
public sealed class RunLengthCompressor : ICompressor
{
    /// <inheritdoc/>
    public int CompressedBytesMax(int sourceBytes) => sourceBytes * 2;

    /// <inheritdoc/>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int written = 0;
        while (!source.IsEmpty)
        {
            int run = source.IndexOfAnyExcept(source[0]);
            if (run < 0) run = source.Length;
            run = Math.Min(run, 255);
            if (written + 2 > destination.Length) return 0;
            destination[written++] = (byte)run;
            destination[written++] = source[0];
            source = source[run..];
        }

        return written;
    }

    /// <inheritdoc/>
    public int Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (source.Length % 2 != 0) return -1;
        int written = 0;
        for (; !source.IsEmpty; source = source[2..])
        {
            int run = source[0];
            if (run == 0 || run > destination.Length - written) return -1;
            destination.Slice(written, run).Fill(source[1]);
            written += run;
        }

        return written;
    }
}
