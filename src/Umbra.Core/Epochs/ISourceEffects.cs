using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>What a source session asks of its agent besides driving guest and link.</summary>
public interface ISourceEffects
{
    /// <summary>
    /// The link is of no use (peer silent, refused, or in error): close it, and connect again when sensible.
    /// </summary>
    void CloseLink(string reason);

    /// <summary>
    /// Ask the controller. The answer comes by <c>SourceSession.OnClaimAnswered</c>, null for "unknown": the
    /// session then asks the same claim again.
    /// </summary>
    void ClaimFence(FenceClaim claim, string cause);

    /// <summary>
    /// The session's own claim won: the VM runs on here under <paramref name="generation"/>; remember it.
    /// </summary>
    void GenerationRaised(Generation generation);

    /// <summary>
    /// Another host runs the VM: this copy is paused for good and is to be destroyed, its taps down. The session does
    /// nothing any more. (A host that has won the VM and is not known to run it yet is no reason to destroy this copy.)
    /// </summary>
    void OwnershipLost(Generation generation, string reason);

    /// <summary>An epoch was acknowledged.</summary>
    void EpochAcknowledged(EpochReport report);

    /// <summary>A requested sync, swap or rehearsal has ended.</summary>
    void ActionFinished(VmActionResult result);

    /// <summary>Something worth telling people: kind as in <see cref="FleetEvent.Kind"/>, and a text.</summary>
    void Report(string kind, string text);
}

/// <summary>One epoch, from cut to acknowledgement.</summary>
public sealed record EpochReport
{
    /// <summary>The epoch.</summary>
    public required EpochNumber Epoch { get; init; }

    /// <summary>Digest that both sides agree on.</summary>
    public required ulong Digest { get; init; }

    /// <summary>When it was cut, on the session's clock.</summary>
    public required TimeSpan CutAt { get; init; }

    /// <summary>When its acknowledgement came, on the session's clock.</summary>
    public required TimeSpan AcknowledgedAt { get; init; }

    /// <summary>Whether it completed a seed or resync.</summary>
    public required bool Resync { get; init; }

    /// <summary>Pages sent, repeated ones counted each time.</summary>
    public required long Pages { get; init; }

    /// <summary>Pages copied inside the pause.</summary>
    public required long PausedPages { get; init; }

    /// <summary>Pages that did not fit the pause buffer and were encoded inside the pause.</summary>
    public required long OverflowPages { get; init; }

    /// <summary>Bytes of dirty pages and disk writes before encoding.</summary>
    public required long RawBytes { get; init; }

    /// <summary>Bytes of batches sent for them.</summary>
    public required long WireBytes { get; init; }

    /// <summary>Pause, as the guest's calls measured it: stopping the vCPUs.</summary>
    public required TimeSpan Stop { get; init; }

    /// <summary>Pause: last scan and copy.</summary>
    public required TimeSpan ScanCopy { get; init; }

    /// <summary>Pause: device state.</summary>
    public required TimeSpan DeviceState { get; init; }

    /// <summary>Pause: cutting the disks.</summary>
    public required TimeSpan DiskCut { get; init; }

    /// <summary>Pause: letting the vCPUs run.</summary>
    public required TimeSpan Continue { get; init; }

    /// <summary>The whole pause.</summary>
    public TimeSpan Pause => Stop + ScanCopy + DeviceState + DiskCut + Continue;
}
