using System.Runtime.InteropServices;

namespace Umbra.Linux.Native;

/// <summary>Debian's libzstd. Names, arguments and results are those of <c>zstd.h</c>.</summary>
internal static unsafe partial class ZstdLibrary
{
    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial void* ZSTD_createCCtx();

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial void* ZSTD_createDCtx();

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_freeCCtx(void* context);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_freeDCtx(void* context);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_compressBound(nuint sourceBytes);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial uint ZSTD_isError(nuint code);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_compressCCtx(
        void* context, byte* destination, nuint destinationBytes, byte* source, nuint sourceBytes, int level);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_decompressDCtx(
        void* context, byte* destination, nuint destinationBytes, byte* source, nuint sourceBytes);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_sizeof_CCtx(void* context);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_sizeof_DCtx(void* context);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_CCtx_reset(void* context, int what);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_DCtx_reset(void* context, int what);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_CCtx_setParameter(void* context, int parameter, int value);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_DCtx_setParameter(void* context, int parameter, int value);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_compressStream2(void* context, Piece* output, Piece* input, int directive);

    [LibraryImport(NativeLibraries.Zstd)]
    internal static partial nuint ZSTD_decompressStream(void* context, Piece* output, Piece* input);

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Piece
    {
        public byte* Data;
        public nuint Bytes;
        public nuint At;
    }
}
