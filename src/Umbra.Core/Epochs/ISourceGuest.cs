using System.Buffers;
using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>
/// The running VM as its <c>SourceSession</c> drives it. Every call is made on the session's thread and returns
/// within its own deadline (a hung emulator is a failure with a text, never a hang). An exception out of a call means
/// that the agent is going down.
/// </summary>
public interface ISourceGuest
{
    /// <summary>Guest RAM in pages of <see cref="Sizes.Page"/>; fixed for the life of the guest.</summary>
    long PageCount { get; }

    /// <summary>
    /// The VM's configuration as it runs now (JSON of VmDefinition). Read while the guest is paused, so it must be at
    /// hand. The session compares the bytes with those of the last acknowledged epoch.
    /// </summary>
    ReadOnlyMemory<byte> Configuration { get; }

    /// <summary>The VM's disks and the log of what it wrote to them.</summary>
    ISourceDisks Disks { get; }

    /// <summary>
    /// Adds the pages written since the last call to <paramref name="into"/> and arms them again. The first call
    /// arms everything; what it reports is of no use. When it fails, nothing is known about what was written since the
    /// last one: the session begins anew from hashes.
    /// </summary>
    CallOutcome TakeDirty(PageSet into);

    /// <summary>
    /// Copies pages as they are now, in order, <see cref="Sizes.Page"/> bytes each, to
    /// <paramref name="destination"/>. The guest may be writing to them: such a page is reported by the next
    /// <see cref="TakeDirty"/>.
    /// </summary>
    CallOutcome CopyPages(ReadOnlySpan<long> pages, Span<byte> destination);

    /// <summary>
    /// Stops the vCPUs and drains block requests, for a cut: fails when the guest's state could not be saved. Harmless
    /// when paused already.
    /// </summary>
    CallOutcome Pause();

    /// <summary>
    /// Stops the vCPUs, whether or not the guest's state can be saved: it must not run here. Harmless when paused
    /// already. A failure leaves it unknown whether they run; the session calls again until it succeeds.
    /// </summary>
    CallOutcome Stop();

    /// <summary>
    /// Lets the vCPUs run. Harmless when running already. Fails when the deadline of <see cref="SetRunDeadline"/> has
    /// passed at that very moment: the session's own time is that of its step's begin, and a step may take long. A
    /// failure leaves it unknown whether they run; the session calls again until it succeeds.
    /// </summary>
    CallOutcome Resume();

    /// <summary>
    /// Has the state of CPUs and devices of the paused guest saved whole, aside: <see cref="TakeDeviceState"/> reads
    /// it, and the guest may run by then.
    /// </summary>
    CallOutcome SaveDeviceState();

    /// <summary>
    /// Appends what the last <see cref="SaveDeviceState"/> saved to <paramref name="destination"/>, once. Reading it
    /// can show that it is not to be used (other devices than were known): a failure leaves the epoch unsealed.
    /// </summary>
    CallOutcome TakeDeviceState(IBufferWriter<byte> destination);

    /// <summary>
    /// Notes durably that the guest must stay paused, so that neither a restarted agent nor the guard resumes it. When
    /// this returns success, the note has reached the disk.
    /// </summary>
    CallOutcome MarkHeld(HeldMark mark);

    /// <summary>Takes the note of <see cref="MarkHeld"/> back, durably, before the guest is resumed.</summary>
    CallOutcome ClearHeld();

    /// <summary>
    /// For a VM under a lease: the guard (which outlives the agent) must have the vCPUs stopped when the session's
    /// clock reaches <paramref name="deadline"/>, unless it has been moved on by then; it marks the guest held by
    /// <see cref="HeldReason.Lease"/> afterwards, and stops it again whenever a later deadline passes. Null: no
    /// lease, the guest may run for ever. The agent may be hung or dead by then, and the lease is what a takeover
    /// relies on.
    /// </summary>
    void SetRunDeadline(TimeSpan? deadline);
}

/// <summary>Why a guest must stay paused. The numbers are on disk.</summary>
public enum HeldReason
{
    /// <summary>Its shadow may claim it or has claimed it: only a claim of its own lets it run again.</summary>
    Swap = 1,

    /// <summary>Its lease ran out: it runs again when a witness confirms its generation.</summary>
    Lease = 2,
}

/// <summary>The durable note that a guest must stay paused.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Generation">Generation under which it ran.</param>
/// <param name="Swap">Id of the swap; empty for a lease.</param>
public sealed record HeldMark(HeldReason Reason, Generation Generation, string Swap);
