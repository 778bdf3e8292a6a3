using System.Runtime.InteropServices;

namespace Umbra.Linux.Native;

/// <summary>
/// Whether Debian's compression and hash libraries are there, and which package brings a missing one.
/// </summary>
public static class NativeLibraries
{
    internal const string Lz4 = "liblz4.so.1", Zstd = "libzstd.so.1", XxHash = "libxxhash.so.0";

    /// <summary>File name and Debian package of each library that the product needs.</summary>
    public static IReadOnlyList<(string File, string Package)> Needed { get; } =
        [(XxHash, "libxxhash0"), (Lz4, "liblz4-1"), (Zstd, "libzstd1")];

    /// <summary>Null when <paramref name="file"/> can be loaded, else what is missing and how to get it.</summary>
    public static string? Missing(string file)
    {
        if (NativeLibrary.TryLoad(file, out _)) return null;
        foreach ((string needed, string package) in Needed)
        {
            if (needed == file) return $"{file} is not installed; install it with: apt-get install {package}";
        }

        return $"{file} is not installed";
    }

    /// <summary>Throws <see cref="DllNotFoundException"/> that names the package when the library is missing.</summary>
    internal static void Require(string file)
    {
        if (Missing(file) is { } reason) throw new DllNotFoundException(reason);
    }
}
