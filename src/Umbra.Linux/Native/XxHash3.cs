using System.Runtime.InteropServices;
using Umbra.Core.Basics;

namespace Umbra.Linux.Native;

/// <summary>
/// XXH3-64 by Debian's libxxhash (14.6 GB/s per core on guest pages). Stateless; any number of threads.
/// </summary>
public sealed unsafe partial class XxHash3 : IContentHash
{
    /// <summary>Binds the library; throws <see cref="DllNotFoundException"/> naming the package when missing.</summary>
    public XxHash3() => NativeLibraries.Require(NativeLibraries.XxHash);

    /// <inheritdoc/>
    public ulong Hash(ReadOnlySpan<byte> data, ulong seed = 0)
    {
        fixed (byte* start = data)
        {
            return XXH3_64bits_withSeed(start, (nuint)data.Length, seed);
        }
    }

    [LibraryImport(NativeLibraries.XxHash)]
    [SuppressGCTransition]
    private static partial ulong XXH3_64bits_withSeed(byte* data, nuint length, ulong seed);
}
