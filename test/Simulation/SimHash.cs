using System.Buffers.Binary;
using System.Numerics;
using Umbra.Core.Basics;

namespace Umbra.Simulation;

/// <summary>
/// A content hash in four lanes, for speed: a seed hashes some megabytes. Deterministic, and good enough to tell apart
/// what a simulated guest writes.
/// </summary>
internal sealed class SimHash : IContentHash
{
    private const ulong Prime = 0x9E3779B185EBCA87;

    public static SimHash Instance { get; } = new();

    public ulong Hash(ReadOnlySpan<byte> data, ulong seed = 0)
    {
        ulong a = seed + Prime, b = seed ^ (ulong)data.Length, c = seed - Prime, d = ~seed;
        for (; data.Length >= 32; data = data[32..])
        {
            a = Step(a, data);
            b = Step(b, data[8..]);
            c = Step(c, data[16..]);
            d = Step(d, data[24..]);
        }

        for (; data.Length >= 8; data = data[8..]) a = Step(a, data);
        foreach (byte rest in data) b = (b ^ rest) * Prime;
        ulong hash = a ^ BitOperations.RotateLeft(b, 17);
        hash ^= BitOperations.RotateLeft(c, 31) ^ BitOperations.RotateLeft(d, 47);
        hash = (hash ^ (hash >> 31)) * Prime;
        return hash ^ (hash >> 29);
    }

    private static ulong Step(ulong lane, ReadOnlySpan<byte> word)
    {
        lane = (lane ^ BinaryPrimitives.ReadUInt64LittleEndian(word)) * Prime;
        return lane ^ (lane >> 32);
    }
}
