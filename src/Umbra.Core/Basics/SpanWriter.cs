using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Umbra.Core.Basics;

/// <summary>
/// Writes little-endian fields into a span, one after another. The caller sizes the span: running out of room is a bug.
/// </summary>
public ref struct SpanWriter(Span<byte> destination)
{
    /// <summary>Longest varint, bytes.</summary>
    public const int VarintBytesMax = 10;

    private readonly Span<byte> _destination = destination;

    /// <summary>Bytes written so far.</summary>
    public int Written { get; private set; }

    /// <summary>Bytes that still fit.</summary>
    public readonly int Free => _destination.Length - Written;

    /// <summary>One byte.</summary>
    public void Byte(byte value) => Take(1)[0] = value;

    /// <summary>One byte, 0 or 1.</summary>
    public void Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

    /// <summary>Two bytes.</summary>
    public void UInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Take(2), value);

    /// <summary>Four bytes.</summary>
    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    /// <summary>Four bytes, two's complement.</summary>
    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);

    /// <summary>Eight bytes.</summary>
    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);

    /// <summary>Eight bytes, two's complement.</summary>
    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);

    /// <summary>Seven bits a byte, lowest first, the top bit set on all but the last: 1 to 10 bytes.</summary>
    public void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7) Byte((byte)(value | 0x80));
        Byte((byte)value);
    }

    /// <summary>The bytes as they are.</summary>
    public void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    /// <summary>Two bytes of length, then UTF-8. At most <paramref name="bytesMax"/>: a longer one is a bug.</summary>
    public void Name(string value, int bytesMax)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        Invariant.Holds(length <= bytesMax && bytesMax <= ushort.MaxValue, "name within its limit");
        UInt16((ushort)length);
        Encoding.UTF8.GetBytes(value, Take(length));
    }

    /// <summary>As <see cref="Name"/>, for text that people read: what is over the limit is cut off.</summary>
    public void Text(string value, int bytesMax)
    {
        Invariant.Holds(bytesMax <= ushort.MaxValue && Free >= bytesMax + 2);
        Utf8.FromUtf16(value, _destination.Slice(Written + 2, bytesMax), out _, out int length);
        UInt16((ushort)length);
        Take(length);
    }

    private Span<byte> Take(int bytes)
    {
        Invariant.Holds(bytes <= Free, "room for the field");
        Span<byte> field = _destination.Slice(Written, bytes);
        Written += bytes;
        return field;
    }
}
