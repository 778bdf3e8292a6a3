using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>How the following of a VM's disks, by mirrors or backups, stands.</summary>
public enum DiskMirrorState
{
    /// <summary>There is no complete log: never started, or failed. The session restarts it.</summary>
    Broken = 0,

    /// <summary>
    /// A copy is under way: in full, through the log between the guest's own writes, or of what is owed.
    /// </summary>
    Copying = 1,

    /// <summary>Every disk's copy is complete: a cut can be made that gives what the guest sees.</summary>
    Ready = 2,

    /// <summary>
    /// The log's limit was exceeded. It knows where the guest wrote, and the session has it catch up.
    /// </summary>
    Owing = 3,
}

/// <summary>What a logged disk operation does.</summary>
public enum DiskOperationKind
{
    /// <summary>Writes data.</summary>
    Write = 0,

    /// <summary>Makes a range read as zeros.</summary>
    Zero = 1,
}

/// <summary>One logged operation on a disk.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Disk">Number of the disk in <see cref="ISourceDisks.Geometry"/>.</param>
/// <param name="Offset">Where it begins, bytes.</param>
/// <param name="Length">How long it is, bytes; at most <see cref="DataBytesMax"/> for a write.</param>
public readonly record struct DiskOperation(DiskOperationKind Kind, int Disk, long Offset, long Length)
{
    /// <summary>Most data that one logged write carries; the log splits longer ones.</summary>
    public const int DataBytesMax = 1024 * 1024;
}

/// <summary>
/// The log of what a guest did to its disks, filled by the emulator's jobs while the session reads it. Operations are
/// numbered from 0 in the order in which they were acknowledged to the emulator; the numbers go on after a restart. A
/// write that was neither read nor cut may still be replaced by what the guest writes over it.
/// Implementations synchronise with their writers.
/// </summary>
public interface ISourceDisks
{
    /// <summary>The writable disks, in order. Empty for a VM without any, whose state is always ready.</summary>
    IReadOnlyList<DiskGeometry> Geometry { get; }

    /// <summary>How the mirroring stands.</summary>
    DiskMirrorState State { get; }

    /// <summary>Why it is broken, for people; empty otherwise.</summary>
    string Detail { get; }

    /// <summary>Part of the full copy that is done, 0 to 1.</summary>
    double Progress { get; }

    /// <summary>Number that the next operation will get: everything below it is logged.</summary>
    long End { get; }

    /// <summary>
    /// Number of the oldest operation that is held: after <see cref="Restart"/>, of the first one since. The mirror may
    /// have logged more by the time the restart returns, so <see cref="End"/> is no place to begin at.
    /// </summary>
    long First { get; }

    /// <summary>
    /// Bytes of writes that took the place of others which nobody had read yet, since the disks were mirrored first.
    /// </summary>
    long ReplacedBytes { get; }

    /// <summary>
    /// Bytes that the log holds of the operations from <paramref name="number"/> on: data, and a little for each.
    /// </summary>
    long BytesFrom(long number);

    /// <summary>
    /// Forgets the log and mirrors every disk anew from its first byte; afterwards the state is copying (or ready, with
    /// nothing to copy). May be called in any state.
    /// </summary>
    CallOutcome Restart();

    /// <summary>
    /// Reads operation <paramref name="number"/>, at least the last released one and below <see cref="End"/>; a write's
    /// data goes to the front of <paramref name="data"/> (<see cref="DiskOperation.DataBytesMax"/> bytes). False when
    /// the log has been broken since and no longer holds it.
    /// </summary>
    bool TryRead(long number, Span<byte> data, out DiskOperation operation);

    /// <summary>
    /// With the guest paused: makes sure that the log, up to the end that <see cref="TryGetCutEnd"/> gives, will have
    /// every write that the guest was told is done. Fails when the mirroring is not complete, or when an earlier cut is
    /// still without its end.
    /// </summary>
    CallOutcome Cut();

    /// <summary>
    /// Number after the last operation of the newest cut. False while it is not known, because what the guest had
    /// written is still being copied into the log; it never will be once the state is broken or owing.
    /// </summary>
    bool TryGetCutEnd(out long end);

    /// <summary>Operations below <paramref name="number"/> will not be read again: the shadow has them.</summary>
    void Release(long number);

    /// <summary>Bytes of the disks that <see cref="ReadOwed"/> has to read before a cut can be made.</summary>
    long OwedBytes { get; }

    /// <summary>
    /// After the log's limit was exceeded, or when its reader has to begin anew while it catches up: owes all that was
    /// logged and not released since, and logs again, from <see cref="First"/> on. Not of a broken log.
    /// </summary>
    CallOutcome CatchUp();

    /// <summary>Reads a piece of what is owed into the log, unless the guest writes to it meanwhile.</summary>
    CallOutcome ReadOwed();

    /// <summary>
    /// While it catches up: operations below <paramref name="number"/> were sent. The log need not hold them, and owes
    /// them again should <see cref="CatchUp"/> come before <see cref="Release"/>.
    /// </summary>
    void Forgo(long number);
}
