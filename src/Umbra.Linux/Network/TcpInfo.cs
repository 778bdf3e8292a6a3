using System.Buffers.Binary;

namespace Umbra.Linux.Network;

/// <summary>
/// What the kernel knows of one TCP connection (struct tcp_info of include/uapi/linux/tcp.h; man 7 tcp). Counters of
/// segments have 32 bits and wrap.
/// </summary>
/// <param name="RoundTrip">Smoothed round trip time.</param>
/// <param name="Retransmitted">Segments that were sent again.</param>
/// <param name="SegmentsSent">Segments with data that were sent, with those sent again.</param>
/// <param name="BytesAcknowledged">Bytes that the other side has acknowledged.</param>
/// <param name="BytesReceived">Bytes received.</param>
public readonly record struct TcpInfo(
    TimeSpan RoundTrip, uint Retransmitted, uint SegmentsSent, ulong BytesAcknowledged, ulong BytesReceived)
{
    /// <summary>Protocol level of the socket option, IPPROTO_TCP.</summary>
    public const int OptionLevel = 6;

    /// <summary>Number of the socket option, TCP_INFO.</summary>
    public const int OptionName = 11;

    /// <summary>Bytes to ask the kernel for; a longer structure of a newer one is cut.</summary>
    public const int OptionBytes = 256;

    private const int RoundTripAt = 68, RetransmittedAt = 100, AcknowledgedAt = 120, ReceivedAt = 128, SentAt = 156;

    /// <summary>From the option's bytes; null when they end too early (a kernel before 4.6).</summary>
    public static TcpInfo? Parse(ReadOnlySpan<byte> option)
    {
        if (option.Length < SentAt + sizeof(uint)) return null;
        return new TcpInfo(
            TimeSpan.FromMicroseconds(BinaryPrimitives.ReadUInt32LittleEndian(option[RoundTripAt..])),
            BinaryPrimitives.ReadUInt32LittleEndian(option[RetransmittedAt..]),
            BinaryPrimitives.ReadUInt32LittleEndian(option[SentAt..]),
            BinaryPrimitives.ReadUInt64LittleEndian(option[AcknowledgedAt..]),
            BinaryPrimitives.ReadUInt64LittleEndian(option[ReceivedAt..]));
    }
}
