using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Core.Protocol;

/// <summary>
/// Fields of every message, written and read side by side. Reading answers null for a body that is malformed, has a
/// field out of its range, or bytes left over.
/// </summary>
internal static class PairBodies
{
    /// <summary>Writes the fields of <paramref name="message"/>; its type.</summary>
    public static PairMessageType Write(PairMessage message, ref SpanWriter to)
    {
        switch (message)
        {
            case SourceHello m:
                WriteHello(m, ref to);
                return PairMessageType.SourceHello;
            case ShadowHello m:
                to.Byte((byte)m.Outcome);
                to.UInt64(m.Generation.Value);
                to.UInt64(m.Committed.Value);
                to.UInt64(m.Digest);
                to.Flag(m.Blank);
                to.Text(m.Reason, ProtocolLimits.TextBytesMax);
                return PairMessageType.ShadowHello;
            case HashRequest m:
                to.Int32(m.Disk);
                to.Int64(m.First);
                to.Int32(m.Count);
                return PairMessageType.HashRequest;
            case HashReply m:
                to.Int32(m.Disk);
                to.Int64(m.First);
                to.Bytes(m.Hashes.Span);
                return PairMessageType.HashReply;
            case PageBatch m:
                WritePayload(m.Epoch, m.Sequence, m.Payload, ref to);
                return PairMessageType.PageBatch;
            case BlockBatch m:
                WritePayload(m.Epoch, m.Sequence, m.Payload, ref to);
                return PairMessageType.BlockBatch;
            case DeviceStatePart m:
                WritePayload(m.Epoch, m.Offset, m.Payload, ref to);
                return PairMessageType.DeviceStatePart;
            case ConfigurationPart m:
                WritePayload(m.Epoch, m.Offset, m.Payload, ref to);
                return PairMessageType.ConfigurationPart;
            default:
                return WriteControl(message, ref to);
        }
    }

    /// <summary>Reads the fields of a message of <paramref name="type"/>; null when they are not sound.</summary>
    public static PairMessage? Read(PairMessageType type, ReadOnlyMemory<byte> body)
    {
        var from = new SpanReader(body.Span);
        PairMessage? message = type switch
        {
            PairMessageType.SourceHello => ReadSourceHello(ref from),
            PairMessageType.ShadowHello => ReadShadowHello(ref from),
            PairMessageType.HashRequest => ReadHashRequest(ref from),
            PairMessageType.HashReply => ReadHashReply(ref from, body),
            PairMessageType.PageBatch => new PageBatch(Epoch(ref from), from.UInt32(), Rest(ref from, body)),
            PairMessageType.BlockBatch => new BlockBatch(Epoch(ref from), from.UInt32(), Rest(ref from, body)),
            PairMessageType.DeviceStatePart =>
                new DeviceStatePart(Epoch(ref from), from.UInt32(), Rest(ref from, body)),
            PairMessageType.ConfigurationPart =>
                new ConfigurationPart(Epoch(ref from), from.UInt32(), Rest(ref from, body)),
            _ => ReadControl(type, ref from),
        };
        return from.IsComplete ? message : null;
    }

    private static PairMessageType WriteControl(PairMessage message, ref SpanWriter to)
    {
        switch (message)
        {
            case EpochBegin m:
                to.UInt64(m.Generation.Value);
                to.UInt64(m.Epoch.Value);
                to.UInt64(m.Base.Value);
                return PairMessageType.EpochBegin;
            case EpochEnd m:
                to.UInt64(m.Epoch.Value);
                to.UInt32(m.BatchCount);
                to.UInt64(m.Digest);
                to.Flag(m.Final);
                return PairMessageType.EpochEnd;
            case EpochAck m:
                to.UInt64(m.Epoch.Value);
                to.UInt64(m.Digest);
                return PairMessageType.EpochAck;
            case EpochReject m:
                to.UInt64(m.Epoch.Value);
                to.Byte((byte)m.Reason);
                to.Text(m.Detail, ProtocolLimits.TextBytesMax);
                return PairMessageType.EpochReject;
            case Heartbeat m:
                to.UInt64(m.Generation.Value);
                to.Int64(m.Stamp);
                return PairMessageType.Heartbeat;
            case HeartbeatEcho m:
                to.UInt64(m.Generation.Value);
                to.Int64(m.Stamp);
                return PairMessageType.HeartbeatEcho;
            case KpiReport m:
                KpiReportBody.Write(m, ref to);
                return PairMessageType.KpiReport;
            case DriftNotice m:
                to.UInt64(m.Generation.Value);
                to.UInt32(Math.Min(m.Weight, DriftNotice.WeightMax));
                to.Flag(m.Hint);
                to.Text(m.Explanation, ProtocolLimits.TextBytesMax);
                return PairMessageType.DriftNotice;
            default:
                return WriteSwap(message, ref to);
        }
    }

    private static PairMessageType WriteSwap(PairMessage message, ref SpanWriter to)
    {
        switch (message)
        {
            case SwapPermit m:
                to.Name(m.Swap, ProtocolLimits.SwapIdBytesMax);
                to.UInt64(m.Generation.Value);
                to.UInt64(m.Epoch.Value);
                return PairMessageType.SwapPermit;
            case SwapDone m:
                to.Name(m.Swap, ProtocolLimits.SwapIdBytesMax);
                to.UInt64(m.Generation.Value);
                ReadOnlySpan<TimeSpan> times = [m.Verify, m.Commit, m.Load, m.LoadLeft, m.Fence, m.Resume];
                foreach (TimeSpan time in times) to.Int64(time.Ticks);
                return PairMessageType.SwapDone;
            case SwapQuery m:
                to.Name(m.Swap, ProtocolLimits.SwapIdBytesMax);
                return PairMessageType.SwapQuery;
            case SwapReadiness m:
                to.Name(m.Swap, ProtocolLimits.SwapIdBytesMax);
                to.UInt64(m.Committed.Value);
                to.Text(m.Standby, ProtocolLimits.TextBytesMax);
                to.Text(m.Claim, ProtocolLimits.TextBytesMax);
                return PairMessageType.SwapReadiness;
            default:
                var declined = message as SwapDeclined;
                Invariant.Holds(declined is not null, "a message that the protocol knows");
                to.Name(declined.Swap, ProtocolLimits.SwapIdBytesMax);
                to.Text(declined.Reason, ProtocolLimits.TextBytesMax);
                return PairMessageType.SwapDeclined;
        }
    }

    private static PairMessage? ReadControl(PairMessageType type, ref SpanReader from) => type switch
    {
        PairMessageType.EpochBegin => new EpochBegin(Generation(ref from), Epoch(ref from), Epoch(ref from)),
        PairMessageType.EpochEnd => new EpochEnd(Epoch(ref from), from.UInt32(), from.UInt64(), from.Flag()),
        PairMessageType.EpochAck => new EpochAck(Epoch(ref from), from.UInt64()),
        PairMessageType.EpochReject => ReadEpochReject(ref from),
        PairMessageType.Heartbeat => new Heartbeat(Generation(ref from), from.Int64()),
        PairMessageType.HeartbeatEcho => new HeartbeatEcho(Generation(ref from), from.Int64()),
        PairMessageType.SwapPermit => new SwapPermit(SwapId(ref from), Generation(ref from), Epoch(ref from)),
        PairMessageType.SwapDone => ReadSwapDone(ref from),
        PairMessageType.SwapDeclined => new SwapDeclined(SwapId(ref from), from.Text(ProtocolLimits.TextBytesMax)),
        PairMessageType.SwapQuery => new SwapQuery(SwapId(ref from)),
        PairMessageType.SwapReadiness => new SwapReadiness(
            SwapId(ref from), Epoch(ref from), from.Text(ProtocolLimits.TextBytesMax),
            from.Text(ProtocolLimits.TextBytesMax)),
        PairMessageType.KpiReport => KpiReportBody.Read(ref from),
        PairMessageType.DriftNotice => ReadDriftNotice(ref from),
        _ => null,
    };

    private static DriftNotice? ReadDriftNotice(ref SpanReader from)
    {
        var notice = new DriftNotice(
            Generation(ref from), from.UInt32(), from.Flag(), from.Text(ProtocolLimits.TextBytesMax));
        return notice.Weight <= DriftNotice.WeightMax ? notice : null;
    }

    private static void WriteHello(SourceHello hello, ref SpanWriter to)
    {
        Invariant.Holds(hello.Disks.Count <= ProtocolLimits.DisksMax, "disks within their limit");
        to.Name(hello.Vm.Value, Names.LengthMax);
        to.UInt64(hello.Generation.Value);
        to.UInt64(hello.Session);
        to.Int64(hello.PageCount);
        to.Byte((byte)hello.Disks.Count);
        foreach (DiskGeometry disk in hello.Disks)
        {
            to.Name(disk.Id, Names.LengthMax);
            to.Int64(disk.Bytes);
        }
    }

    private static SourceHello? ReadSourceHello(ref SpanReader from)
    {
        string vm = from.Text(Names.LengthMax);
        Generation generation = Generation(ref from);
        ulong session = from.UInt64();
        long pageCount = from.Int64();
        int diskCount = from.Byte();
        bool sound = Names.IsValid(vm) && pageCount is >= 0 and <= ProtocolLimits.PageCountMax
            && diskCount <= ProtocolLimits.DisksMax;
        if (!sound) return null;
        var disks = new DiskGeometry[diskCount];
        foreach (ref DiskGeometry disk in disks.AsSpan())
        {
            disk = new DiskGeometry(from.Text(Names.LengthMax), from.Int64());
            sound &= Names.IsValid(disk.Id) && disk.Bytes is >= 0 and <= ProtocolLimits.DiskBytesMax
                && disk.Bytes % BatchLimits.Sector == 0;
        }

        return sound ? new SourceHello(new VmId(vm), generation, session, pageCount, disks) : null;
    }

    private static ShadowHello? ReadShadowHello(ref SpanReader from)
    {
        var outcome = (HelloOutcome)from.Byte();
        Generation generation = Generation(ref from);
        EpochNumber committed = Epoch(ref from);
        ulong digest = from.UInt64();
        bool blank = from.Flag();
        string reason = from.Text(ProtocolLimits.TextBytesMax);
        return outcome <= HelloOutcome.NotReady
            ? new ShadowHello(outcome, reason, generation, committed, digest, blank)
            : null;
    }

    private static HashRequest? ReadHashRequest(ref SpanReader from)
    {
        var request = new HashRequest(from.Int32(), from.Int64(), from.Int32());
        bool sound = IsRange(request.Disk, request.First)
            && request.Count is > 0 and <= ProtocolLimits.HashesPerMessage;
        return sound ? request : null;
    }

    private static HashReply? ReadHashReply(ref SpanReader from, ReadOnlyMemory<byte> body)
    {
        var reply = new HashReply(from.Int32(), from.Int64(), Rest(ref from, body));
        bool sound = IsRange(reply.Disk, reply.First) && reply.Hashes.Length % sizeof(ulong) == 0
            && reply.Hashes.Length <= ProtocolLimits.HashesPerMessage * sizeof(ulong);
        return sound ? reply : null;
    }

    private static EpochReject? ReadEpochReject(ref SpanReader from)
    {
        EpochNumber epoch = Epoch(ref from);
        var reason = (RejectReason)from.Byte();
        string detail = from.Text(ProtocolLimits.TextBytesMax);
        return reason <= RejectReason.Storage ? new EpochReject(epoch, reason, detail) : null;
    }

    private static void WritePayload(EpochNumber epoch, uint number, ReadOnlyMemory<byte> payload, ref SpanWriter to)
    {
        to.UInt64(epoch.Value);
        to.UInt32(number);
        to.Bytes(payload.Span);
    }

    private static ReadOnlyMemory<byte> Rest(ref SpanReader from, ReadOnlyMemory<byte> body)
    {
        int start = from.Position;
        from.Bytes(from.Left);
        return body[start..];
    }

    // Where pages and blocks of the largest guest lie; the session checks against the real one.
    private static bool IsRange(int disk, long first) =>
        disk is >= HashRequest.State and < ProtocolLimits.DisksMax && first is >= 0 and <= ProtocolLimits.DiskBytesMax;

    private static Generation Generation(ref SpanReader from) => new(from.UInt64());

    private static EpochNumber Epoch(ref SpanReader from) => new(from.UInt64());

    private static SwapDone? ReadSwapDone(ref SpanReader from)
    {
        string swap = SwapId(ref from);
        Generation generation = Generation(ref from);
        Span<TimeSpan> times = stackalloc TimeSpan[6];
        bool sound = true;
        foreach (ref TimeSpan time in times)
        {
            time = new TimeSpan(from.Int64());
            sound &= time >= TimeSpan.Zero && time <= ProtocolLimits.SwapTimeMax;
        }

        return sound
            ? new SwapDone(swap, generation, times[0], times[1], times[2], times[3], times[4], times[5])
            : null;
    }

    private static string SwapId(ref SpanReader from) => from.Text(ProtocolLimits.SwapIdBytesMax);
}
