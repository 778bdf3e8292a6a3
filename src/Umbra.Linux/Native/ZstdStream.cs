using Umbra.Core.Basics;
using static Umbra.Linux.Native.ZstdLibrary;

namespace Umbra.Linux.Native;

/// <summary>
/// One Zstandard frame without end by Debian's libzstd, flushed after each piece: a piece is compressed against the
/// last <see cref="HistoryBytes"/> before it. One instance per thread. Its contexts, 9.3 MiB to compress and 8.5 MiB to
/// decompress, are taken when they are first used, and kept.
/// </summary>
public sealed unsafe class ZstdStream : IStreamCompressor, IDisposable
{
    // A write-ahead log of the usual size (4 MiB) goes round within it, beside all else that is sent. With half of it,
    // such a log left several times as much (docs/design/sync-engine.md).
    private const int WindowLog = 23;

    // Level 1's own table is for short inputs: it forgets most of such a window. The long-distance matcher goes by what
    // the bytes are, not by where they are, so that it finds pages at any offset. A longer table of level 1, which
    // looks at every other byte or fewer, missed half of what a batch's heads had moved by an odd number of bytes.
    private const int Level = 1, LongMatchBytesMin = 64, LongHashRateLog = 6;

    private const int Flush = 1, ResetSession = 1;
    private const int ParameterLevel = 100, ParameterWindowLog = 101, ParameterLongMatching = 160;
    private const int ParameterLongMinMatch = 162, ParameterLongHashRateLog = 164, ParameterContentSize = 200;
    private const int DecoderWindowLogMax = 100;

    private void* _compress;
    private void* _decompress;
    private bool _isDisposed;

    /// <summary>Binds the library; throws <see cref="DllNotFoundException"/> naming the package when missing.</summary>
    public ZstdStream() => NativeLibraries.Require(NativeLibraries.Zstd);

    /// <summary>Frees the contexts of an instance that nobody disposed.</summary>
    ~ZstdStream() => Free();

    /// <inheritdoc/>
    public int HistoryBytes => 1 << WindowLog;

    /// <summary>Memory of its contexts, bytes: 0 until one is used.</summary>
    public long MemoryBytes => (long)(ZSTD_sizeof_CCtx(_compress) + ZSTD_sizeof_DCtx(_decompress));

    /// <inheritdoc/>
    public int CompressedBytesMax(int sourceBytes) => checked((int)ZSTD_compressBound((nuint)sourceBytes));

    /// <inheritdoc/>
    public void BeginCompressing()
    {
        if (_compress != null) _ = ZSTD_CCtx_reset(_compress, ResetSession);
    }

    /// <inheritdoc/>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_compress == null && !TryMakeCompressor()) return 0;
        fixed (byte* from = source, to = destination)
        {
            var input = new Piece { Data = from, Bytes = (nuint)source.Length };
            var output = new Piece { Data = to, Bytes = (nuint)destination.Length };
            nuint left = ZSTD_compressStream2(_compress, &output, &input, Flush);
            while (ZSTD_isError(left) == 0 && left > 0 && output.At < output.Bytes)
                left = ZSTD_compressStream2(_compress, &output, &input, Flush);
            return left == 0 && input.At == input.Bytes ? (int)output.At : 0;
        }
    }

    /// <inheritdoc/>
    public void BeginDecompressing()
    {
        if (_decompress != null) _ = ZSTD_DCtx_reset(_decompress, ResetSession);
    }

    /// <inheritdoc/>
    public int Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (source.IsEmpty || (_decompress == null && !TryMakeDecompressor())) return -1;
        byte beyond;
        fixed (byte* from = source, to = destination)
        {
            var input = new Piece { Data = from, Bytes = (nuint)source.Length };
            var output = new Piece { Data = to == null ? &beyond : to, Bytes = (nuint)destination.Length };
            while (input.At < input.Bytes)
            {
                nuint before = input.At + output.At;
                nuint hint = ZSTD_decompressStream(_decompress, &output, &input);
                // 0 is the end of the frame, which has none.
                if (ZSTD_isError(hint) != 0 || hint == 0 || input.At + output.At == before) return -1;
            }

            return output.At == output.Bytes && IsEmptied(&beyond) ? (int)output.At : -1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        _isDisposed = true;
        GC.SuppressFinalize(this);
    }

    // What does not fit the destination waits in the context, and would come out with the next piece.
    private bool IsEmptied(byte* beyond)
    {
        var none = new Piece { Data = beyond };
        var probe = new Piece { Data = beyond, Bytes = 1 };
        nuint hint = ZSTD_decompressStream(_decompress, &probe, &none);
        return ZSTD_isError(hint) == 0 && probe.At == 0;
    }

    private bool TryMakeCompressor()
    {
        _compress = ZSTD_createCCtx();
        return _compress != null
            && IsSet(ZSTD_CCtx_setParameter(_compress, ParameterLevel, Level))
            && IsSet(ZSTD_CCtx_setParameter(_compress, ParameterWindowLog, WindowLog))
            && IsSet(ZSTD_CCtx_setParameter(_compress, ParameterLongMatching, 1))
            && IsSet(ZSTD_CCtx_setParameter(_compress, ParameterLongMinMatch, LongMatchBytesMin))
            && IsSet(ZSTD_CCtx_setParameter(_compress, ParameterLongHashRateLog, LongHashRateLog))
            && IsSet(ZSTD_CCtx_setParameter(_compress, ParameterContentSize, 0));
    }

    private bool TryMakeDecompressor()
    {
        _decompress = ZSTD_createDCtx();
        return _decompress != null && IsSet(ZSTD_DCtx_setParameter(_decompress, DecoderWindowLogMax, WindowLog));
    }

    private static bool IsSet(nuint code)
    {
        Invariant.Holds(ZSTD_isError(code) == 0, "zstd takes parameters within its bounds");
        return true;
    }

    private void Free()
    {
        if (_compress != null) _ = ZSTD_freeCCtx(_compress);
        if (_decompress != null) _ = ZSTD_freeDCtx(_decompress);
        _compress = _decompress = null;
    }
}
