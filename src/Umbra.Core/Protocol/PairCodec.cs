using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Core.Protocol;

/// <summary>
/// The pair protocol's bytes (docs/formats/pair-protocol.md): a 16-byte header with version, type, length and checksum,
/// then the message's fields. Reading trusts nothing and answers with values; writing something over the limits is a
/// bug. Holds no state: one instance serves any number of connections.
/// </summary>
public sealed class PairCodec(IContentHash hash)
{
    /// <summary>Bytes before a frame's body.</summary>
    public const int HeaderBytes = 16;

    private const ushort Magic = 0x4D55;

    // Fields around a payload, and every message without one, fit in this.
    private const int FieldsBytesMax = 4096;

    /// <summary>
    /// Room that <see cref="Encode"/> wants for <paramref name="message"/>; mostly more than it will use.
    /// </summary>
    public static int EncodedBytesMax(PairMessage message) => HeaderBytes + FieldsBytesMax + PayloadBytes(message);

    /// <summary>
    /// Writes <paramref name="message"/> as one frame; its length. <paramref name="destination"/> has at least
    /// <see cref="EncodedBytesMax"/> bytes (<see cref="ProtocolLimits.FrameBytesMax"/> + 4 KiB always do).
    /// </summary>
    public int Encode(PairMessage message, Span<byte> destination)
    {
        Invariant.Holds(PayloadBytes(message) <= ProtocolLimits.PayloadBytesMax, "payload within its limit");
        Invariant.Holds(destination.Length >= EncodedBytesMax(message), "room for the frame");
        var body = new SpanWriter(destination[HeaderBytes..]);
        PairMessageType type = PairBodies.Write(message, ref body);
        WriteHeader(type, destination[..(HeaderBytes + body.Written)]);
        return HeaderBytes + body.Written;
    }

    /// <summary>
    /// Looks at the first bytes of a frame. With <see cref="FrameStatus.Ok"/> read
    /// <see cref="FrameHeader.BodyBytes"/> more and call <see cref="Decode(FrameHeader, ReadOnlyMemory{byte})"/>.
    /// </summary>
    public static FrameStatus ReadHeader(ReadOnlySpan<byte> bytes, out FrameHeader header, out string error)
    {
        header = default;
        error = "";
        if (bytes.Length < HeaderBytes) return FrameStatus.NeedMore;
        var reader = new SpanReader(bytes);
        ushort magic = reader.UInt16();
        byte version = reader.Byte();
        var type = (PairMessageType)reader.Byte();
        uint length = reader.UInt32();
        ulong checksum = reader.UInt64();
        if (magic != Magic)
        {
            error = $"not a frame of the pair protocol (starts with {magic:x4})";
            return FrameStatus.Corrupt;
        }

        if (version != ProtocolLimits.Version)
        {
            error = $"the other side speaks version {version} of the pair protocol, this one {ProtocolLimits.Version}: "
                + "run the same Umbra release on both hosts";
            return FrameStatus.OtherVersion;
        }

        if (type is < PairMessageType.SourceHello or > PairMessageType.DriftNotice
            || length > ProtocolLimits.BodyBytesMax)
        {
            error = $"frame of type {(byte)type} with {length} bytes";
            return FrameStatus.Corrupt;
        }

        header = new FrameHeader(type, (int)length, checksum);
        return FrameStatus.Ok;
    }

    /// <summary>
    /// Checks and reads the body that follows <paramref name="header"/>. Payloads in the message are parts of
    /// <paramref name="body"/>, not copies.
    /// </summary>
    /// <param name="header">What <see cref="ReadHeader"/> found.</param>
    /// <param name="body">Exactly <see cref="FrameHeader.BodyBytes"/> bytes.</param>
    public FrameOutcome Decode(FrameHeader header, ReadOnlyMemory<byte> body)
    {
        Invariant.Holds(body.Length == header.BodyBytes, "the whole body");
        if (Checksum(header.Type, body.Span) != header.Checksum)
            return FrameOutcome.Corrupt($"checksum of a {header.Type} frame is wrong");
        PairMessage? message = PairBodies.Read(header.Type, body);
        return message is null
            ? FrameOutcome.Corrupt($"a {header.Type} frame is malformed")
            : new FrameOutcome(FrameStatus.Ok, message, "", header.FrameBytes);
    }

    /// <summary>
    /// Reads the first message of <paramref name="buffered"/>, which may hold less or more than one. Go on after
    /// <see cref="FrameOutcome.Consumed"/> bytes.
    /// </summary>
    public FrameOutcome Decode(ReadOnlyMemory<byte> buffered)
    {
        FrameStatus status = ReadHeader(buffered.Span, out FrameHeader header, out string error);
        if (status != FrameStatus.Ok) return new FrameOutcome(status, null, error, 0);
        if (buffered.Length < header.FrameBytes) return new FrameOutcome(FrameStatus.NeedMore, null, "", 0);
        return Decode(header, buffered.Slice(HeaderBytes, header.BodyBytes));
    }

    private void WriteHeader(PairMessageType type, Span<byte> frame)
    {
        Span<byte> body = frame[HeaderBytes..];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, HeaderWord(type, body.Length));
        BinaryPrimitives.WriteUInt64LittleEndian(frame[8..], Checksum(type, body));
    }

    private ulong Checksum(PairMessageType type, ReadOnlySpan<byte> body) =>
        hash.Hash(body, HeaderWord(type, body.Length));

    // The header's first 8 bytes as one little-endian number: magic, version, type, length.
    private static ulong HeaderWord(PairMessageType type, int bodyBytes) =>
        Magic | ((ulong)ProtocolLimits.Version << 16) | ((ulong)type << 24) | ((ulong)(uint)bodyBytes << 32);

    private static int PayloadBytes(PairMessage message) => message switch
    {
        PageBatch m => m.Payload.Length,
        BlockBatch m => m.Payload.Length,
        DeviceStatePart m => m.Payload.Length,
        ConfigurationPart m => m.Payload.Length,
        HashReply m => m.Hashes.Length,
        _ => 0,
    };
}
