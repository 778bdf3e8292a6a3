using Umbra.Core.Basics;
using Umbra.Core.Sensors;

namespace Umbra.Core.Protocol;

/// <summary>
/// What the two agents of a pair say to each other, as values. <c>PairCodec</c> turns them into bytes and back; the
/// source and shadow sessions give them their meaning. Memory of a received message belongs to the decoder and is valid
/// until the next one is decoded; memory of a message given to a link may be reused as soon as the call returns.
/// The layout on the wire is in docs/formats/pair-protocol.md.
/// </summary>
public abstract record PairMessage;

/// <summary>Size of one disk of the VM, in the order of the configuration.</summary>
public readonly record struct DiskGeometry(string Id, long Bytes);

/// <summary>First message of a connection, from the side that runs the VM.</summary>
/// <param name="Vm">The VM.</param>
/// <param name="Generation">Generation under which the source runs it.</param>
/// <param name="Session">
/// Random number of the source's session object: a reconnect of the same session repeats it.
/// </param>
/// <param name="PageCount">Guest RAM in pages.</param>
/// <param name="Disks">Writable disks, in order; a disk's number in block batches is its place here.</param>
public sealed record SourceHello(
    VmId Vm, Generation Generation, ulong Session, long PageCount, IReadOnlyList<DiskGeometry> Disks) : PairMessage;

/// <summary>The shadow's answer to <see cref="SourceHello"/>: what it holds.</summary>
/// <param name="Outcome">Whether it accepts the source.</param>
/// <param name="Reason">Why not, for people; empty when accepted.</param>
/// <param name="Generation">Newest generation it has promised itself to.</param>
/// <param name="Committed">Epoch it holds complete; <see cref="EpochNumber.None"/> when empty.</param>
/// <param name="Digest">Digest of that epoch as committed.</param>
/// <param name="Blank">
/// Whether its RAM and disks are known to hold nothing but zeros, so that no hashes need to be asked for. False for a
/// shadow without a complete epoch that was once written to (an interrupted seed, RAM lost with its host).
/// </param>
public sealed record ShadowHello(
    HelloOutcome Outcome, string Reason, Generation Generation, EpochNumber Committed, ulong Digest,
    bool Blank) : PairMessage;

/// <summary>How a shadow answers a hello. The numbers are on the wire.</summary>
public enum HelloOutcome : byte
{
    /// <summary>Accepted; <see cref="ShadowHello.Committed"/> says from where to go on.</summary>
    Accepted = 0,

    /// <summary>The source's generation is older than one the shadow has promised itself to.</summary>
    StaleGeneration = 1,

    /// <summary>The shadow does not know this VM (not assigned to it, or not yet).</summary>
    UnknownVm = 2,

    /// <summary>RAM or disk sizes do not fit the shadow's.</summary>
    GeometryMismatch = 3,

    /// <summary>Not able just now (standby restarting, storage full); try again later.</summary>
    NotReady = 4,
}

/// <summary>
/// Asks for the shadow's hashes of <paramref name="Count"/> pages or blocks from <paramref name="First"/>.
/// </summary>
/// <param name="Disk">
/// <see cref="Ram"/> (one hash a page), <see cref="State"/> (the device state, then the configuration), else the disk's
/// number (one hash a 64 KiB block).
/// </param>
/// <param name="First">First page or block.</param>
/// <param name="Count">How many; at most <c>ProtocolLimits.HashesPerMessage</c>.</param>
public sealed record HashRequest(int Disk, long First, int Count) : PairMessage
{
    /// <summary>Stands for RAM in the place of a disk's number.</summary>
    public const int Ram = -1;

    /// <summary>Stands for what else belongs to the committed epoch, in the place of a disk's number.</summary>
    public const int State = -2;

    /// <summary>Hashes that <see cref="State"/> has: of the device state and of the configuration.</summary>
    public const int StateHashes = 2;
}

/// <summary>Answer to <see cref="HashRequest"/>: little-endian u64 hashes, in order.</summary>
public sealed record HashReply(int Disk, long First, ReadOnlyMemory<byte> Hashes) : PairMessage;

/// <summary>Opens the staging of an epoch. Everything until its <see cref="EpochEnd"/> belongs to it.</summary>
/// <param name="Generation">The source's generation.</param>
/// <param name="Epoch">The epoch.</param>
/// <param name="Base">The committed epoch it builds on; the shadow refuses it on any other.</param>
public sealed record EpochBegin(Generation Generation, EpochNumber Epoch, EpochNumber Base) : PairMessage;

/// <summary>Encoded pages. A page may come more than once in an epoch (pre-copy); the last one counts.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="Sequence">Number of the batch in the epoch, from 0, over page and block batches together.</param>
/// <param name="Payload">As docs/formats/page-batch.md says.</param>
public sealed record PageBatch(EpochNumber Epoch, uint Sequence, ReadOnlyMemory<byte> Payload) : PairMessage;

/// <summary>Disk writes, zeroes and discards in the order in which the guest made them.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="Sequence">Number of the batch in the epoch, from 0, over page and block batches together.</param>
/// <param name="Payload">As docs/formats/block-batch.md says.</param>
public sealed record BlockBatch(EpochNumber Epoch, uint Sequence, ReadOnlyMemory<byte> Payload) : PairMessage;

/// <summary>
/// Part of the epoch's device state. Long states come in several parts, in order. What the bytes mean is the
/// emulator's business (docs/formats/device-state.md); here they are kept and handed over whole.
/// </summary>
public sealed record DeviceStatePart(EpochNumber Epoch, uint Offset, ReadOnlyMemory<byte> Payload) : PairMessage;

/// <summary>
/// The VM's configuration (JSON of VmDefinition), sent whenever it differs from the last epoch's. Parts, in order.
/// </summary>
public sealed record ConfigurationPart(EpochNumber Epoch, uint Offset, ReadOnlyMemory<byte> Payload) : PairMessage;

/// <summary>Ends an epoch: with this the shadow may verify and commit it.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="BatchCount">Page and block batches sent.</param>
/// <param name="Digest">The epoch's digest, computed by the source from its own data.</param>
/// <param name="Final">Whether the primary stays paused after it (last epoch of a swap).</param>
public sealed record EpochEnd(EpochNumber Epoch, uint BatchCount, ulong Digest, bool Final) : PairMessage;

/// <summary>The shadow has committed the epoch: verified, applied, durable.</summary>
public sealed record EpochAck(EpochNumber Epoch, ulong Digest) : PairMessage;

/// <summary>
/// The shadow refuses the epoch, which has not touched it; the source begins anew from what it holds.
/// </summary>
public sealed record EpochReject(EpochNumber Epoch, RejectReason Reason, string Detail) : PairMessage;

/// <summary>Why an epoch was refused. The numbers are on the wire.</summary>
public enum RejectReason : byte
{
    /// <summary>A checksum, sequence or digest does not hold, or bytes do not parse.</summary>
    Corrupt = 0,

    /// <summary>It does not build on the epoch that the shadow holds.</summary>
    Gap = 1,

    /// <summary>Its generation is older than one the shadow has promised itself to.</summary>
    StaleGeneration = 2,

    /// <summary>
    /// The shadow could not store it (full disk, I/O error, standby not ready for the configuration).
    /// </summary>
    Storage = 3,
}

/// <summary>
/// Sign of life, at least every <c>ProtocolLimits.HeartbeatInterval</c>; answered by <see cref="HeartbeatEcho"/>.
/// </summary>
/// <param name="Generation">The source's generation.</param>
/// <param name="Stamp">
/// Sender's monotonic clock in ticks, echoed: it dates the lease from the moment of sending.
/// </param>
public sealed record Heartbeat(Generation Generation, long Stamp) : PairMessage;

/// <summary>
/// Answer to <see cref="Heartbeat"/>. It is the shadow's witness: it has consented to no takeover above
/// <paramref name="Generation"/>.
/// </summary>
public sealed record HeartbeatEcho(Generation Generation, long Stamp) : PairMessage;

/// <summary>
/// Source to shadow, once the final epoch is acknowledged: the shadow may claim the next generation and run the VM.
/// Sent after the primary is paused and marked to stay so: from here on only winning the fence lets either side run.
/// </summary>
public sealed record SwapPermit(string Swap, Generation Generation, EpochNumber Epoch) : PairMessage;

/// <summary>Shadow to source: it won the fence and runs the VM under <paramref name="Generation"/>.</summary>
/// <param name="Swap">The swap.</param>
/// <param name="Generation">Under which it runs.</param>
/// <param name="Verify">From the final epoch's end until it was verified.</param>
/// <param name="Commit">From then until it was committed.</param>
/// <param name="Load">How long the standby's load took, most of it beside the commit.</param>
/// <param name="LoadLeft">From the commit's end until it had loaded.</param>
/// <param name="Fence">From then until the fence was won.</param>
/// <param name="Resume">From then until the vCPUs ran.</param>
public sealed record SwapDone(
    string Swap, Generation Generation, TimeSpan Verify, TimeSpan Commit, TimeSpan Load, TimeSpan LoadLeft,
    TimeSpan Fence, TimeSpan Resume) : PairMessage;

/// <summary>
/// Source to shadow, once a second: what the primary's host measures. It belongs to no epoch, and one that is lost is
/// not sent again.
/// </summary>
/// <param name="Generation">The source's generation.</param>
/// <param name="Set">The KPIs; their time is the source's monotonic clock.</param>
public sealed record KpiReport(Generation Generation, KpiSet Set) : PairMessage;

/// <summary>
/// Shadow to source, once a second: what the drift watch has against the primary's hardware. The source syncs as often
/// as that asks for, also while the controller is away.
/// </summary>
/// <param name="Generation">Generation that the shadow follows.</param>
/// <param name="Weight">Suspicion in thousandths: 1000 is a verdict; at most <see cref="WeightMax"/>.</param>
/// <param name="Hint">Whether drift is hinted at.</param>
/// <param name="Explanation">What it rests on, for people; empty when there is nothing.</param>
public sealed record DriftNotice(Generation Generation, uint Weight, bool Hint, string Explanation) : PairMessage
{
    /// <summary>Largest weight.</summary>
    public const uint WeightMax = 100_000;
}

/// <summary>Shadow to source: it gives up its claim for good and will not claim under this permit.</summary>
public sealed record SwapDeclined(string Swap, string Reason) : PairMessage;

/// <summary>
/// Source to shadow, while the guest runs: could the VM be moved onto it now? Asked before each swap and rehearsal.
/// </summary>
public sealed record SwapQuery(string Swap) : PairMessage;

/// <summary>Shadow to source: the answer to <see cref="SwapQuery"/>.</summary>
/// <param name="Swap">As in the query.</param>
/// <param name="Committed">Epoch that it holds.</param>
/// <param name="Standby">Why the standby could not run it; empty: it could.</param>
/// <param name="Claim">Why the next generation could not be claimed from the controller; empty: it could.</param>
public sealed record SwapReadiness(string Swap, EpochNumber Committed, string Standby, string Claim) : PairMessage;
