using Umbra.Core.Basics;

namespace Umbra.Qemu.Disks;

/// <summary>Limits of the jobs by which disks are followed.</summary>
public static class DiskJobLimits
{
    /// <summary>
    /// A <c>stop</c> that QEMU does not answer for this long hangs on the server: the brake is pulled. With the brake's
    /// own time it keeps a guest's stall below a second.
    /// </summary>
    public static readonly TimeSpan StallMax = TimeSpan.FromMilliseconds(600);

    /// <summary>How often the log's fill is looked at while a full copy runs.</summary>
    public static readonly TimeSpan WatchPeriod = TimeSpan.FromMilliseconds(100);

    /// <summary>The brake answers within this (measured: 7 ms).</summary>
    public static readonly TimeSpan BrakeDeadline = TimeSpan.FromMilliseconds(300);

    /// <summary>A job that was cancelled is gone within this (measured: 4 ms).</summary>
    public static readonly TimeSpan CancelDeadline = TimeSpan.FromSeconds(2);

    /// <summary>A quick command about jobs and nodes is answered within this.</summary>
    public static readonly TimeSpan CommandDeadline = TimeSpan.FromSeconds(1);

    /// <summary>What is read of a disk at once while the log catches up: a millisecond or a few.</summary>
    public const int OwedBytesMax = Sizes.MiB;
}
