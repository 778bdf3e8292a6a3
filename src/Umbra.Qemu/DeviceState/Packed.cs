using Umbra.Core.Basics;

namespace Umbra.Qemu.DeviceState;

/// <summary>
/// A payload, compressed when that makes it smaller: packed length equal to the raw one means stored raw.
/// </summary>
internal static class Packed
{
    public static int BytesMax(int rawBytes, ICompressor lz4) => Math.Max(rawBytes, lz4.CompressedBytesMax(rawBytes));

    public static int Write(ReadOnlySpan<byte> raw, Span<byte> destination, ICompressor lz4)
    {
        if (raw.IsEmpty) return 0;
        int packed = lz4.Compress(raw, destination);
        if (packed > 0 && packed < raw.Length) return packed;
        raw.CopyTo(destination);
        return raw.Length;
    }

    public static byte[]? Read(ReadOnlySpan<byte> packed, int rawBytes, ICompressor lz4)
    {
        if (packed.Length == rawBytes) return packed.ToArray();
        // lz4 shrinks by at most 255: a claim beyond that must not cost us the memory.
        if (rawBytes > 256L * (packed.Length + 1)) return null;
        byte[] raw = new byte[rawBytes];
        return lz4.Decompress(packed, raw) == rawBytes ? raw : null;
    }
}
