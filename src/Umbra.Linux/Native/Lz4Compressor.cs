using System.Runtime.InteropServices;
using Umbra.Core.Basics;

namespace Umbra.Linux.Native;

/// <summary>
/// LZ4 block format by Debian's liblz4, acceleration 1. One instance per thread: it owns its work space.
/// </summary>
public sealed unsafe partial class Lz4Compressor : ICompressor, IDisposable
{
    private const int Acceleration = 1;
    private void* _state;

    /// <summary>Binds the library; throws <see cref="DllNotFoundException"/> naming the package when missing.</summary>
    public Lz4Compressor()
    {
        NativeLibraries.Require(NativeLibraries.Lz4);
        _state = NativeMemory.AlignedAlloc((nuint)LZ4_sizeofState(), 64);
    }

    /// <summary>Frees the work space of an instance that nobody disposed.</summary>
    ~Lz4Compressor() => Free();

    /// <inheritdoc/>
    public int CompressedBytesMax(int sourceBytes) => LZ4_compressBound(sourceBytes);

    /// <inheritdoc/>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_state == null, this);
        fixed (byte* from = source, to = destination)
        {
            byte none;
            return LZ4_compress_fast_extState(
                _state, from == null ? &none : from, to, source.Length, destination.Length, Acceleration);
        }
    }

    /// <inheritdoc/>
    public int Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (source.IsEmpty) return -1;
        fixed (byte* from = source, to = destination)
        {
            byte none;
            int written = LZ4_decompress_safe(from, to == null ? &none : to, source.Length, destination.Length);
            return written < 0 ? -1 : written;
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
        NativeMemory.AlignedFree(_state);
        _state = null;
    }

    [LibraryImport(NativeLibraries.Lz4)]
    private static partial int LZ4_sizeofState();

    [LibraryImport(NativeLibraries.Lz4)]
    private static partial int LZ4_compressBound(int sourceBytes);

    [LibraryImport(NativeLibraries.Lz4)]
    private static partial int LZ4_compress_fast_extState(
        void* state, byte* source, byte* destination, int sourceBytes, int destinationBytes, int acceleration);

    [LibraryImport(NativeLibraries.Lz4)]
    private static partial int LZ4_decompress_safe(
        byte* source, byte* destination, int sourceBytes, int destinationBytes);
}
