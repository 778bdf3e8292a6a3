using System.Runtime.InteropServices;
using Umbra.Core.Basics;

namespace Umbra.Linux.Machine;

/// <summary>
/// Time since the host started, with the time it was suspended in it (CLOCK_BOOTTIME): the clock of sessions, leases
/// and guards. All processes of a host share it and nobody sets it. A lease on a clock that stands still during a
/// suspend would outlive the takeover that happened meanwhile.
/// </summary>
public static partial class BootClock
{
    private const int ClockBootTime = 7;

    /// <summary>Now.</summary>
    public static TimeSpan Now
    {
        get
        {
            int result = ClockGetTime(ClockBootTime, out TimeSpec time);
            Invariant.Holds(result == 0, "CLOCK_BOOTTIME is there since Linux 2.6.39");
            return new TimeSpan(
                (time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / TimeSpan.NanosecondsPerTick));
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
