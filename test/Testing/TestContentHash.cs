using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Testing;

/// <summary>
/// A managed content hash for tests: FNV-1a over 8-byte words with a final mix. Deterministic on every machine, needs
/// no native library, and tells apart what tests put in.
/// </summary>
public sealed class TestContentHash : IContentHash
{
    private const ulong Basis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    /// <summary>The one instance; it has no state.</summary>
    public static TestContentHash Instance { get; } = new();

    /// <inheritdoc/>
    public ulong Hash(ReadOnlySpan<byte> data, ulong seed = 0)
    {
        ulong hash = Basis ^ seed ^ ((ulong)data.Length * Prime);
        for (; data.Length >= 8; data = data[8..])
            hash = Step(hash, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (byte b in data) hash = Step(hash, b);
        hash ^= hash >> 32;
        hash *= 0x9E3779B97F4A7C15;
        return hash ^ (hash >> 29);
    }

    private static ulong Step(ulong hash, ulong word)
    {
        hash = (hash ^ word) * Prime;
        return hash ^ (hash >> 31);
    }
}
