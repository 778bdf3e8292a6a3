namespace Umbra.Simulation;

/// <summary>The simulated fleet did something that it never may.</summary>
public sealed class SimFailureException(string message) : Exception(message);

/// <summary>Mistakes that can be planted, each at one interface, to see that the simulator finds them.</summary>
public enum PlantedBug
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>
    /// The shadow's disk says that it is flushed, and is not: the acknowledgement comes before the flush.
    /// </summary>
    AcknowledgedBeforeFlush,

    /// <summary>Undo logs are not written.</summary>
    UndoSkipped,

    /// <summary>
    /// The file of old disk contents says that it is flushed, and is not: the disks are touched before it is durable.
    /// </summary>
    UndoNotFlushed,

    /// <summary>The metadata's file says that it is flushed, and is not.</summary>
    MetadataNotFlushed,

    /// <summary>Of two whole slots of the metadata the older one is read.</summary>
    OlderSlotRead,

    /// <summary>The controller lets every claim win.</summary>
    FenceIgnored,

    /// <summary>Pages are copied as they were before the scan that re-armed them.</summary>
    CopyBeforeScan,

    /// <summary>The lease is dated from the answer instead of from the request.</summary>
    LeaseDatedFromAnswer,

    /// <summary>The shadow takes epochs of a generation that it has promised to refuse.</summary>
    StaleGenerationAccepted,

    /// <summary>A copy of a claim that comes late is taken for a claim of its own, and wins.</summary>
    DuplicatedClaimWins,

    /// <summary>
    /// Whether a lease is over is not looked at again as the guest is let run, though the step before took long.
    /// </summary>
    LeaseCheckedTooEarly,

    /// <summary>The dirty pages of an epoch that was not acknowledged are forgotten at a reconnect.</summary>
    UnacknowledgedPagesForgotten,

    /// <summary>Disk operations of an epoch that was not acknowledged are forgotten at a reconnect.</summary>
    UnacknowledgedForgotten,

    /// <summary>What a log that catches up has given out is never owed again, acknowledged or not.</summary>
    OwedForgotten,

    /// <summary>A cut ends with the disk operation that was read last: what waits to be sent is left out.</summary>
    WaitingWritesLeftOut,

    /// <summary>The disks of an epoch end with what is copied by then, while QEMU is still copying.</summary>
    CutEndedEarly,

    /// <summary>
    /// The note that a guest is held is not kept, so that an agent restarted during a swap lets it run.
    /// </summary>
    HeldForgotten,

    /// <summary>A VM is handed back by the last word of the old copy's host, which is not asked.</summary>
    KeeperNotAsked,

    /// <summary>A device state that could not be read is replaced by the one before it, and the epoch sealed.</summary>
    UnreadStateReplaced,

    /// <summary>The device state that is read after the guest was let run is not that of the pause.</summary>
    StateOfLater,

    /// <summary>When a VM was last moved by suspicion is forgotten.</summary>
    CoolDownIgnored,

    /// <summary>What speaks against the shadow's host is not looked at.</summary>
    ShadowSuspicionIgnored,

    /// <summary>A host that was left by suspicion is not cordoned.</summary>
    CordonForgotten,
}
