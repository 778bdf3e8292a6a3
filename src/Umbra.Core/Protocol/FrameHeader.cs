namespace Umbra.Core.Protocol;

/// <summary>Kinds of message. The numbers are on the wire.</summary>
public enum PairMessageType : byte
{
    /// <summary><see cref="Protocol.SourceHello"/></summary>
    SourceHello = 1,

    /// <summary><see cref="Protocol.ShadowHello"/></summary>
    ShadowHello = 2,

    /// <summary><see cref="Protocol.HashRequest"/></summary>
    HashRequest = 3,

    /// <summary><see cref="Protocol.HashReply"/></summary>
    HashReply = 4,

    /// <summary><see cref="Protocol.EpochBegin"/></summary>
    EpochBegin = 5,

    /// <summary><see cref="Protocol.PageBatch"/></summary>
    PageBatch = 6,

    /// <summary><see cref="Protocol.BlockBatch"/></summary>
    BlockBatch = 7,

    /// <summary><see cref="Protocol.DeviceStatePart"/></summary>
    DeviceStatePart = 8,

    /// <summary><see cref="Protocol.ConfigurationPart"/></summary>
    ConfigurationPart = 9,

    /// <summary><see cref="Protocol.EpochEnd"/></summary>
    EpochEnd = 10,

    /// <summary><see cref="Protocol.EpochAck"/></summary>
    EpochAck = 11,

    /// <summary><see cref="Protocol.EpochReject"/></summary>
    EpochReject = 12,

    /// <summary><see cref="Protocol.Heartbeat"/></summary>
    Heartbeat = 13,

    /// <summary><see cref="Protocol.HeartbeatEcho"/></summary>
    HeartbeatEcho = 14,

    /// <summary><see cref="Protocol.SwapPermit"/></summary>
    SwapPermit = 15,

    /// <summary><see cref="Protocol.SwapDone"/></summary>
    SwapDone = 16,

    /// <summary><see cref="Protocol.SwapDeclined"/></summary>
    SwapDeclined = 17,

    /// <summary><see cref="Protocol.SwapQuery"/></summary>
    SwapQuery = 18,

    /// <summary><see cref="Protocol.SwapReadiness"/></summary>
    SwapReadiness = 19,

    /// <summary><see cref="Protocol.KpiReport"/></summary>
    KpiReport = 20,

    /// <summary><see cref="Protocol.DriftNotice"/></summary>
    DriftNotice = 21,
}

/// <summary>The fixed first bytes of every frame, already found to be sound.</summary>
/// <param name="Type">Kind of message; a known one.</param>
/// <param name="BodyBytes">Bytes that follow the header; at most <see cref="ProtocolLimits.BodyBytesMax"/>.</param>
/// <param name="Checksum">Content hash of the body, seeded with the header's first 8 bytes.</param>
public readonly record struct FrameHeader(PairMessageType Type, int BodyBytes, ulong Checksum)
{
    /// <summary>The whole frame, bytes.</summary>
    public int FrameBytes => PairCodec.HeaderBytes + BodyBytes;
}

/// <summary>How reading bytes from the other side of a pair went.</summary>
public enum FrameStatus
{
    /// <summary>Complete and sound.</summary>
    Ok = 0,

    /// <summary>More bytes are needed.</summary>
    NeedMore = 1,

    /// <summary>Not a frame of ours, or damaged: the connection is of no use any more.</summary>
    Corrupt = 2,

    /// <summary>The other side speaks another version of the protocol: one of the two has to be upgraded.</summary>
    OtherVersion = 3,
}

/// <summary>Result of reading a message.</summary>
/// <param name="Status">How it went.</param>
/// <param name="Message">The message when <see cref="FrameStatus.Ok"/>, else null.</param>
/// <param name="Error">What is wrong, for people; empty when nothing is.</param>
/// <param name="Consumed">Bytes that the message took.</param>
public readonly record struct FrameOutcome(FrameStatus Status, PairMessage? Message, string Error, int Consumed)
{
    internal static FrameOutcome Corrupt(string error) => new(FrameStatus.Corrupt, null, error, 0);
}
