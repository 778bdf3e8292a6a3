using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>Named limits of the sessions: what they buffer, and how long they wait.</summary>
public static class SessionLimits
{
    /// <summary>
    /// Pages that one call of <c>Tick</c> copies and encodes at most: 4 MiB, about a millisecond's work.
    /// </summary>
    public const int PagesPerStep = 1024;

    private const int PausePagesMax = 8192;

    /// <summary>
    /// Pages that the pause buffer of a guest with <paramref name="pageCount"/> holds, 16 to 32 MiB: what a barrier
    /// copies beyond is encoded inside the pause. A smaller guest's agent may not take as much.
    /// </summary>
    public static int PausePages(long pageCount) =>
        (int)Math.Min(pageCount, Math.Clamp(pageCount / 128, PausePagesMax / 2, PausePagesMax));

    /// <summary>Most pre-copy rounds before a barrier, beside those that a seed or resync needs.</summary>
    public const int RoundsMax = 4;

    /// <summary>Rounds of a seed or resync: its first one takes long, and the guest writes on meanwhile.</summary>
    public const int ResyncRoundsMax = 30;

    /// <summary>A seed that was kept waiting may make up for so much of it beyond its rate.</summary>
    public static readonly TimeSpan ResyncBurst = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// So few dirty pages are copied in the pause without a round before it: 1 MiB, a fraction of a millisecond.
    /// </summary>
    public const int RoundPagesMin = 256;

    /// <summary>Bytes of disk writes that one call of <c>Tick</c> encodes at most.</summary>
    public const int DiskBytesPerStep = 4 * Sizes.MiB;

    /// <summary>
    /// Bytes of an open epoch's disk writes that wait to be replaced at most: a quarter of the smallest log, which
    /// holds them in any case until they are acknowledged, and 40 ms of a link of 100 MB/s.
    /// </summary>
    public const int DiskWaitBytesMax = 4 * Sizes.MiB;

    /// <summary>So many may wait before anything is known of the link.</summary>
    public const int DiskWaitBytesStart = 256 * Sizes.KiB;

    /// <summary>So many may wait on the slowest link.</summary>
    public const int DiskWaitBytesMin = 16 * Sizes.KiB;

    /// <summary>Syncs on request that wait at once.</summary>
    public const int SyncRequestsMax = 16;

    /// <summary>Hash requests under way at once.</summary>
    public const int HashRequestsMax = 4;

    /// <summary>
    /// Largest device state, bytes. Real ones are 100 to 300 kB; a machine with many devices some MiB.
    /// </summary>
    public const int DeviceStateBytesMax = 64 * Sizes.MiB;

    /// <summary>Largest configuration, bytes.</summary>
    public const int ConfigurationBytesMax = 4 * Sizes.MiB;

    /// <summary>The link is dead when nothing has come over it for this long.</summary>
    public static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The link is dead when an epoch that was sent whole is not acknowledged for this long: beyond any disk's flush.
    /// </summary>
    public static readonly TimeSpan AckMax = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The link is dead when hashes were asked for and none have come for this long: beyond any disk's reading of one
    /// request's blocks.
    /// </summary>
    public static readonly TimeSpan HashesMax = TimeSpan.FromSeconds(30);

    /// <summary>Pages or blocks that one call of the shadow's <c>Tick</c> hashes at most.</summary>
    public const int HashesPerStep = 1024;

    /// <summary>A standby that could not be started, loaded or run is tried again after this.</summary>
    public static readonly TimeSpan StandbyRetry = TimeSpan.FromMilliseconds(500);

    /// <summary>How far behind its policy a shadow may be before the protection counts as degraded.</summary>
    public static readonly TimeSpan LagTolerance = TimeSpan.FromSeconds(1);

    /// <summary>How often it is looked whether the disks' copy is complete.</summary>
    public static readonly TimeSpan DiskPoll = TimeSpan.FromMilliseconds(50);

    /// <summary>A swap that cannot pause the guest within this is called off.</summary>
    public static readonly TimeSpan PrepareMax = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A shadow that is asked whether it is ready answers within this, or the swap or rehearsal has failed: with the
    /// guest paused such a claim would be as slow, and <see cref="PermitMax"/> near.
    /// </summary>
    public static readonly TimeSpan SwapQueryMax = TimeSpan.FromSeconds(1.5);

    /// <summary>A claim that was not answered at all is asked again after this.</summary>
    public static readonly TimeSpan ClaimAnswerMax = TimeSpan.FromSeconds(5);

    /// <summary>A swap's final epoch must be acknowledged within this, or the primary goes on.</summary>
    public static readonly TimeSpan FinalEpochMax = TimeSpan.FromSeconds(3);

    /// <summary>The shadow must run within this after the permit, or the primary claims the VM for itself.</summary>
    public static readonly TimeSpan PermitMax = TimeSpan.FromSeconds(2);

    /// <summary>A claim without a clear answer is asked again after this.</summary>
    public static readonly TimeSpan ClaimRetry = TimeSpan.FromMilliseconds(500);

    /// <summary>A call to the guest that failed is tried again after this.</summary>
    public static readonly TimeSpan GuestRetry = TimeSpan.FromMilliseconds(200);

    /// <summary>How often the interval between epochs is looked at when nothing new is heard.</summary>
    public static readonly TimeSpan FrequencyLook = TimeSpan.FromSeconds(1);

    /// <summary>What the shadow said of drift counts for this long: it says it anew each second.</summary>
    public static readonly TimeSpan DriftNoticeMax = TimeSpan.FromSeconds(10);
}
