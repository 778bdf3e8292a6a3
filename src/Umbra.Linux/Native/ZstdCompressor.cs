using Umbra.Core.Basics;
using static Umbra.Linux.Native.ZstdLibrary;

namespace Umbra.Linux.Native;

/// <summary>
/// Zstandard frames by Debian's libzstd. One instance per thread: it owns its contexts, which are reused.
/// </summary>
public sealed unsafe class ZstdCompressor : ICompressor, IDisposable
{
    private readonly int _level;
    private void* _compress;
    private void* _decompress;

    /// <summary>Binds the library; throws <see cref="DllNotFoundException"/> naming the package when missing.</summary>
    /// <param name="level">zstd's level; 1 is what pays on XORed pages.</param>
    public ZstdCompressor(int level = 1)
    {
        NativeLibraries.Require(NativeLibraries.Zstd);
        _level = level;
        _compress = ZSTD_createCCtx();
        _decompress = ZSTD_createDCtx();
        if (_compress == null || _decompress == null) throw new InsufficientMemoryException("zstd contexts");
    }

    /// <summary>Frees the contexts of an instance that nobody disposed.</summary>
    ~ZstdCompressor() => Free();

    /// <inheritdoc/>
    public int CompressedBytesMax(int sourceBytes) => checked((int)ZSTD_compressBound((nuint)sourceBytes));

    /// <inheritdoc/>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_compress == null, this);
        fixed (byte* from = source, to = destination)
        {
            nuint written = ZSTD_compressCCtx(
                _compress, to, (nuint)destination.Length, from, (nuint)source.Length, _level);
            return ZSTD_isError(written) != 0 ? 0 : (int)written;
        }
    }

    /// <inheritdoc/>
    public int Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_decompress == null, this);
        if (source.IsEmpty) return -1;
        fixed (byte* from = source, to = destination)
        {
            nuint written = ZSTD_decompressDCtx(
                _decompress, to, (nuint)destination.Length, from, (nuint)source.Length);
            return ZSTD_isError(written) != 0 ? -1 : (int)written;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_compress != null) _ = ZSTD_freeCCtx(_compress);
        if (_decompress != null) _ = ZSTD_freeDCtx(_decompress);
        _compress = _decompress = null;
    }
}
