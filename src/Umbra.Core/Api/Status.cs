using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>What a VM's process on one host is doing.</summary>
public enum GuestState
{
    /// <summary>There is none.</summary>
    Absent = 0,

    /// <summary>Being started or adopted.</summary>
    Starting = 1,

    /// <summary>vCPUs run.</summary>
    Running = 2,

    /// <summary>Paused by Umbra (epoch barrier, lease lost, swap under way) or by a person.</summary>
    Paused = 3,

    /// <summary>A standby: waits for device state.</summary>
    Standby = 4,

    /// <summary>The guest shut itself down.</summary>
    ShutDown = 5,

    /// <summary>Its process is proven gone without being asked to: evidence for a takeover.</summary>
    Dead = 6,
}

/// <summary>How well a VM is protected at the moment.</summary>
public enum ProtectionState
{
    /// <summary>No shadow; the reason says why.</summary>
    Unprotected = 0,

    /// <summary>The shadow gets its first complete epoch.</summary>
    Seeding = 1,

    /// <summary>Epochs flow within policy.</summary>
    Protected = 2,

    /// <summary>
    /// The shadow holds a complete epoch, but an old one: link cut, storage full, cannot hold the policy.
    /// </summary>
    Degraded = 3,

    /// <summary>The shadow catches up by hashes; its last complete epoch stays usable.</summary>
    Resyncing = 4,

    /// <summary>A swap or takeover is under way.</summary>
    Swapping = 5,
}

/// <summary>One VM on one host, as its agent sees it.</summary>
public sealed record VmStatus
{
    /// <summary>The VM.</summary>
    public required VmId Vm { get; init; }

    /// <summary>The host's part in it.</summary>
    public required VmRole Role { get; init; }

    /// <summary>Generation under which it has it.</summary>
    public required Generation Generation { get; init; }

    /// <summary>Its process.</summary>
    public required GuestState Guest { get; init; }

    /// <summary>Its protection, as the primary's agent sees it.</summary>
    public ProtectionState Protection { get; init; }

    /// <summary>Why it is in that state, for people; never empty.</summary>
    public string Reason { get; init; } = "starting";

    /// <summary>
    /// Why the host's agent does not take over the running VM that it was told to attach to (its process in
    /// <see cref="ProcessId"/>): each a sentence for people that says what to do. Empty for all others. It looks again
    /// every second.
    /// </summary>
    public IReadOnlyList<string> Refusals { get; init; } = [];

    /// <summary>
    /// The lease under which the primary's agent has the VM run at this moment, so that it stands still once the time
    /// is over; null: none is in force, whatever the policy says.
    /// </summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>
    /// Generation under which the host won the VM and then gave it up for good, because its memory was lost before the
    /// VM ran there: no copy ever ran under it, or ever will. Null: none.
    /// </summary>
    public Generation? GivenUp { get; init; }

    /// <summary>QEMU's process id; 0: none.</summary>
    public int ProcessId { get; init; }

    /// <summary>Where it runs; from the primary's agent alone, null before it has looked.</summary>
    public VmPlace? Place { get; init; }

    /// <summary>The replication's figures; zeros before the first epoch.</summary>
    public SyncStatus Sync { get; init; } = new();

    /// <summary>The newest KPIs of the VM; empty before they are measured.</summary>
    public KpiStatus Kpis { get; init; } = new();

    /// <summary>What the drift watch of the pair says; from the shadow's agent alone, null from others.</summary>
    public DriftStatus? Drift { get; init; }

    /// <summary>
    /// The definition as it runs (after an attach or a hot-plug the agent knows more than the controller).
    /// </summary>
    public VmDefinition? Definition { get; init; }

    /// <summary>Results of the last actions.</summary>
    public IReadOnlyList<VmActionResult> Results { get; init; } = [];
}

/// <summary>Figures of one VM's replication. A metric never vanishes: before it has a value it is zero.</summary>
public sealed record SyncStatus
{
    /// <summary>Interval in force.</summary>
    public TimeSpan Interval { get; init; }

    /// <summary>Age of the newest epoch that the shadow holds: what a crash now would lose.</summary>
    public TimeSpan Lag { get; init; }

    /// <summary>Newest epoch cut.</summary>
    public EpochNumber Cut { get; init; }

    /// <summary>Newest epoch that the shadow holds.</summary>
    public EpochNumber Acknowledged { get; init; }

    /// <summary>Epochs acknowledged since the session began.</summary>
    public long Epochs { get; init; }

    /// <summary>Bytes of dirty pages and disk writes, before any encoding.</summary>
    public long RawBytes { get; init; }

    /// <summary>Bytes sent for them.</summary>
    public long WireBytes { get; init; }

    /// <summary>Those of <see cref="RawBytes"/> that are disk writes.</summary>
    public long DiskRawBytes { get; init; }

    /// <summary>Those of <see cref="WireBytes"/> that are of disk writes.</summary>
    public long DiskWireBytes { get; init; }

    /// <summary>
    /// Bytes of disk writes that were never sent, because the guest wrote over them first; in no other figure.
    /// </summary>
    public long DiskReplacedBytes { get; init; }

    /// <summary>Pages sent by hash comparison after a gap.</summary>
    public long ResyncPages { get; init; }

    /// <summary>Disk blocks sent by hash comparison after a gap.</summary>
    public long ResyncBlocks { get; init; }

    /// <summary>Part of the seed or resync that is done, 0 to 1; 1 when there is none.</summary>
    public double Progress { get; init; }

    /// <summary>Duration of the first seed; zero before it is done.</summary>
    public TimeSpan SeedTime { get; init; }

    /// <summary>Pauses of the last epochs.</summary>
    public PauseStatistics Pause { get; init; } = new();

    /// <summary>How dirty pages are found: <c>pagemap</c> or <c>hash-scan</c>.</summary>
    public string Tracker { get; init; } = "";

    /// <summary>Why it is not <c>pagemap</c>, for people; empty when it is.</summary>
    public string TrackerReason { get; init; } = "";

    /// <summary>The VM was stalled by storage and let go by the brake this many times.</summary>
    public long Brakes { get; init; }
}

/// <summary>Pauses over the last epochs (a bounded window), milliseconds.</summary>
public sealed record PauseStatistics
{
    /// <summary>How many epochs the figures are over.</summary>
    public int Count { get; init; }

    /// <summary>Mean.</summary>
    public double MeanMs { get; init; }

    /// <summary>Median.</summary>
    public double P50Ms { get; init; }

    /// <summary>99th percentile.</summary>
    public double P99Ms { get; init; }

    /// <summary>Mean of the phase: QMP stop.</summary>
    public double StopMs { get; init; }

    /// <summary>Mean of the phase: last scan and copy.</summary>
    public double ScanCopyMs { get; init; }

    /// <summary>Mean of the phase: saving the device state.</summary>
    public double DeviceStateMs { get; init; }

    /// <summary>Mean of the phase: QMP cont.</summary>
    public double ContMs { get; init; }
}

/// <summary>Something that happened, kept by the controller and shown by <c>umbra events</c>.</summary>
public sealed record FleetEvent
{
    /// <summary>Number given by the controller; 0 when it comes from an agent.</summary>
    public long Number { get; init; }

    /// <summary>When, UTC.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Short kind, stable for scripts: <c>vm.started</c>, <c>swap.completed</c> ...</summary>
    public required string Kind { get; init; }

    /// <summary>The VM it is about; null when about none.</summary>
    public VmId? Vm { get; init; }

    /// <summary>The host it is about; null when about none.</summary>
    public HostId? Host { get; init; }

    /// <summary>For people.</summary>
    public required string Text { get; init; }
}
