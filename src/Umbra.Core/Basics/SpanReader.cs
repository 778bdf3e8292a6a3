using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Umbra.Core.Basics;

/// <summary>
/// Reads little-endian fields out of bytes that may be hostile. A field that is not there, or is malformed, yields zero
/// or empty and makes <see cref="Failed"/> true for good: read all fields, then ask once.
/// </summary>
public ref struct SpanReader(ReadOnlySpan<byte> source)
{
    // Strict: bytes that are no UTF-8 are refused, not replaced.
    private static readonly UTF8Encoding s_utf8 = new(false, true);

    private readonly ReadOnlySpan<byte> _source = source;

    /// <summary>Whether a field was missing or malformed.</summary>
    public bool Failed { get; private set; }

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    /// <summary>Bytes not yet read.</summary>
    public readonly int Left => _source.Length - Position;

    /// <summary>Whether every field was good and nothing is left over.</summary>
    public readonly bool IsComplete => !Failed && Left == 0;

    /// <summary>One byte.</summary>
    public byte Byte() => Bytes(1) is [byte value] ? value : (byte)0;

    /// <summary>One byte; anything but 0 and 1 is malformed.</summary>
    public bool Flag()
    {
        byte value = Byte();
        Failed |= value > 1;
        return value == 1;
    }

    /// <summary>Two bytes.</summary>
    public ushort UInt16() =>
        Bytes(2) is { Length: 2 } field ? BinaryPrimitives.ReadUInt16LittleEndian(field) : (ushort)0;

    /// <summary>Four bytes.</summary>
    public uint UInt32() => Bytes(4) is { Length: 4 } field ? BinaryPrimitives.ReadUInt32LittleEndian(field) : 0;

    /// <summary>Four bytes, two's complement.</summary>
    public int Int32() => (int)UInt32();

    /// <summary>Eight bytes.</summary>
    public ulong UInt64() => Bytes(8) is { Length: 8 } field ? BinaryPrimitives.ReadUInt64LittleEndian(field) : 0;

    /// <summary>Eight bytes, two's complement.</summary>
    public long Int64() => (long)UInt64();

    /// <summary>As <see cref="SpanWriter.Varint"/> writes it; over 64 bits is malformed.</summary>
    public ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte b = Byte();
            if (shift == 63 && b > 1) break;
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return Failed ? 0 : value;
        }

        Failed = true;
        return 0;
    }

    /// <summary>The next <paramref name="count"/> bytes; empty when they are not there.</summary>
    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (Failed || count < 0 || count > Left)
        {
            Failed = true;
            return default;
        }

        Position += count;
        return _source.Slice(Position - count, count);
    }

    /// <summary>Two bytes of length, then at most <paramref name="bytesMax"/> of UTF-8.</summary>
    public string Text(int bytesMax)
    {
        int length = UInt16();
        if (length > bytesMax) Failed = true;
        ReadOnlySpan<byte> bytes = Bytes(length);
        if (!Utf8.IsValid(bytes)) Failed = true;
        return Failed ? "" : s_utf8.GetString(bytes);
    }
}
