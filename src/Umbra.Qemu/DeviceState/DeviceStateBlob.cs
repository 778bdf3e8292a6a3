using System.Buffers;
using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Qemu.DeviceState;

/// <summary>
/// The device state of one epoch as it travels to the shadow and lies there: the sections, and the prefix that makes
/// them
/// loadable, or the prefix' hash when the shadow has it already. Layout: docs/formats/device-state.md.
/// </summary>
public sealed class DeviceStateBlob
{
    /// <summary>Version of the layout that is written, and the only one read.</summary>
    public const int Version = 1;

    /// <summary>Bytes in front of the payloads.</summary>
    public const int HeaderBytes = 64;

    private static ReadOnlySpan<byte> Magic => "UmbraDev"u8;

    /// <summary>Hash of the names, instances and versions of the sections: which devices the VM has.</summary>
    public required ulong Fingerprint { get; init; }

    /// <summary>Hash of the prefix.</summary>
    public required ulong PrefixHash { get; init; }

    /// <summary>The prefix; empty when the blob only names it by its hash.</summary>
    public required ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>The sections: what <c>xen-save-devices-state</c> wrote, without its first 8 bytes.</summary>
    public required ReadOnlyMemory<byte> State { get; init; }

    /// <summary>Appends the blob to <paramref name="destination"/>.</summary>
    public void WriteTo(IBufferWriter<byte> destination, ICompressor lz4, IContentHash hash)
    {
        int bytesMax = HeaderBytes + Packed.BytesMax(Prefix.Length, lz4) + Packed.BytesMax(State.Length, lz4);
        Span<byte> blob = destination.GetSpan(bytesMax);
        blob[..HeaderBytes].Clear();
        int prefixBytes = Packed.Write(Prefix.Span, blob[HeaderBytes..], lz4);
        int stateBytes = Packed.Write(State.Span, blob[(HeaderBytes + prefixBytes)..], lz4);
        Magic.CopyTo(blob);
        BinaryPrimitives.WriteUInt32LittleEndian(blob[8..], Version);
        BinaryPrimitives.WriteUInt64LittleEndian(blob[16..], Fingerprint);
        BinaryPrimitives.WriteUInt64LittleEndian(blob[24..], PrefixHash);
        BinaryPrimitives.WriteInt32LittleEndian(blob[32..], Prefix.Length);
        BinaryPrimitives.WriteInt32LittleEndian(blob[36..], prefixBytes);
        BinaryPrimitives.WriteInt32LittleEndian(blob[40..], State.Length);
        BinaryPrimitives.WriteInt32LittleEndian(blob[44..], stateBytes);
        int total = HeaderBytes + prefixBytes + stateBytes;
        BinaryPrimitives.WriteUInt64LittleEndian(blob[56..], ChecksumOf(blob[..total], hash));
        destination.Advance(total);
    }

    /// <summary>Reads a blob, whatever its bytes; null and what is wrong when it is none.</summary>
    public static DeviceStateBlob? Read(
        ReadOnlySpan<byte> blob, ICompressor lz4, IContentHash hash, out string error)
    {
        error = CheckHeader(blob, hash);
        if (error.Length > 0) return null;
        int prefixRaw = BinaryPrimitives.ReadInt32LittleEndian(blob[32..]);
        int prefixBytes = BinaryPrimitives.ReadInt32LittleEndian(blob[36..]);
        int stateRaw = BinaryPrimitives.ReadInt32LittleEndian(blob[40..]);
        byte[]? prefix = Packed.Read(blob.Slice(HeaderBytes, prefixBytes), prefixRaw, lz4);
        byte[]? state = Packed.Read(blob[(HeaderBytes + prefixBytes)..], stateRaw, lz4);
        ulong prefixHash = BinaryPrimitives.ReadUInt64LittleEndian(blob[24..]);
        if (prefix is null || state is null) error = "device state: a payload does not unpack";
        else if (prefix.Length > 0 && hash.Hash(prefix) != prefixHash) error = "device state: prefix has another hash";
        if (error.Length > 0) return null;
        return new DeviceStateBlob
        {
            Fingerprint = BinaryPrimitives.ReadUInt64LittleEndian(blob[16..]),
            PrefixHash = prefixHash,
            Prefix = prefix,
            State = state,
        };
    }

    private static string CheckHeader(ReadOnlySpan<byte> blob, IContentHash hash)
    {
        if (blob.Length < HeaderBytes || !blob.StartsWith(Magic)) return "device state: not one of ours";
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(blob[8..]);
        if (version != Version) return $"device state: version {version}, this side reads {Version}";
        int prefixRaw = BinaryPrimitives.ReadInt32LittleEndian(blob[32..]);
        int prefixBytes = BinaryPrimitives.ReadInt32LittleEndian(blob[36..]);
        int stateRaw = BinaryPrimitives.ReadInt32LittleEndian(blob[40..]);
        int stateBytes = BinaryPrimitives.ReadInt32LittleEndian(blob[44..]);
        if ((uint)prefixRaw > DeviceStateLimits.MigrationBytesMax || (uint)stateRaw > DeviceStateLimits.StateBytesMax
            || prefixBytes < 0 || stateBytes < 0 || (long)HeaderBytes + prefixBytes + stateBytes != blob.Length)
            return "device state: lengths out of bounds";
        return BinaryPrimitives.ReadUInt64LittleEndian(blob[56..]) == ChecksumOf(blob, hash)
            ? ""
            : "device state: checksum does not hold";
    }

    /// <summary>Over everything but the checksum itself.</summary>
    private static ulong ChecksumOf(ReadOnlySpan<byte> blob, IContentHash hash) =>
        hash.Hash(blob[HeaderBytes..], hash.Hash(blob[..56]));
}
