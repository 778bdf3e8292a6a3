using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>How a VM is protected. Defaults suit a general server.</summary>
public sealed record ProtectionPolicy
{
    /// <summary>Whether the VM has a shadow at all.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Time between epochs while all is quiet. 25 ms to 1 hour.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time between epochs when the hardware is suspected; at most <see cref="Interval"/>.</summary>
    public TimeSpan IntervalMin { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>An epoch put off for lack of change is cut after this at the latest.</summary>
    public TimeSpan IntervalMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>An epoch with less than this to send is put off, up to <see cref="IntervalMax"/>. 0: never.</summary>
    public long ThresholdLowBytes { get; init; }

    /// <summary>Budget of one epoch's pause; pre-copy rounds go on until the last copy fits it.</summary>
    public TimeSpan PauseBudget { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// Bytes of what was sent that are kept to send less: last-sent pages as references for deltas, and what the
    /// compressor remembers, up to half of it.
    /// </summary>
    public long ReferenceCacheBytes { get; init; } = 64L * Sizes.MiB;

    /// <summary>How the disks are followed. Another one than before has the shadow compared by hashes.</summary>
    public DiskMode DiskMode { get; init; } = DiskMode.Mirror;

    /// <summary>
    /// Disk writes kept until acknowledged; beyond it only their places are, and what is there is read again when the
    /// link is back.
    /// </summary>
    public long DiskLogBytes { get; init; } = 64L * Sizes.MiB;

    /// <summary>Verified epochs that the shadow can be rolled back to, besides the newest.</summary>
    public int KnownGoodEpochs { get; init; } = 1;

    /// <summary>Who decides that it leaves hardware that is suspected, while the VM still runs there.</summary>
    public SwapMode Swap { get; init; } = SwapMode.Auto;

    /// <summary>Who starts a takeover after a proven death of the primary.</summary>
    public TakeoverMode Takeover { get; init; } = TakeoverMode.Manual;

    /// <summary>
    /// With automatic takeover: a primary that reaches neither controller nor shadow for this long pauses its VM.
    /// </summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Seeding and resync send at most this many bytes a second; 0: no limit.</summary>
    public long ResyncBytesPerSecond { get; init; }
}

/// <summary>How a VM's disks are followed.</summary>
public enum DiskMode
{
    /// <summary>Each write goes to the disk and into the log, and is done when it is in both.</summary>
    Mirror = 0,

    /// <summary>
    /// QEMU notes where the guest writes and copies that once an epoch. The guest waits for nobody in between, and the
    /// log holds one epoch's blocks; but 64 KiB go for each sector, and an epoch is whole only some time after its
    /// pause.
    /// </summary>
    Backup = 1,
}

/// <summary>Who starts a takeover.</summary>
public enum TakeoverMode
{
    /// <summary>A person, by <c>umbra takeover</c>.</summary>
    Manual = 0,

    /// <summary>The controller, as soon as the proof is complete; the primary runs under a lease.</summary>
    Automatic = 1,
}
