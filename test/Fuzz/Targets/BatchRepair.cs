using System.Buffers.Binary;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Fuzz.Targets;

/// <summary>Puts the outer checksum of a mutated batch right, so that mutations reach what lies behind it.</summary>
internal static class BatchRepair
{
    private const int ChecksumOffset = BatchLimits.HeaderBytes - sizeof(ulong);

    /// <summary>A copy of <paramref name="batch"/> whose checksum holds; too short ones as they are.</summary>
    public static byte[] Repair(ReadOnlySpan<byte> batch, IContentHash hash)
    {
        byte[] repaired = batch.ToArray();
        if (repaired.Length < BatchLimits.HeaderBytes) return repaired;
        ulong header = hash.Hash(repaired.AsSpan(0, ChecksumOffset));
        ulong checksum = hash.Hash(repaired.AsSpan(BatchLimits.HeaderBytes), header);
        BinaryPrimitives.WriteUInt64LittleEndian(repaired.AsSpan(ChecksumOffset), checksum);
        return repaired;
    }

    /// <summary>As <see cref="Repair"/>, with the contents checksum of a plain block batch put right too.</summary>
    public static byte[] RepairContents(ReadOnlySpan<byte> batch, IContentHash hash)
    {
        byte[] repaired = batch.ToArray();
        if (repaired.Length < BatchLimits.HeaderBytes) return repaired;
        int bodyBytes = repaired.Length - BatchLimits.HeaderBytes;
        BinaryPrimitives.WriteInt32LittleEndian(repaired.AsSpan(8), bodyBytes);
        ulong contents = hash.Hash(repaired.AsSpan(BatchLimits.HeaderBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(repaired.AsSpan(12), contents);
        return Repair(repaired, hash);
    }
}
