using Umbra.Core.Sensors;
using Umbra.Linux.ProcFs;

namespace Umbra.Agent.Sensors;

/// <summary>What the scheduler's counts say of a second.</summary>
internal static class SchedShares
{
    /// <summary>Of the time in which threads could have run, the part in which they waited for a CPU.</summary>
    /// <param name="window">Of the two counts.</param>
    /// <param name="source">Whose they are.</param>
    /// <param name="now">When they were read.</param>
    /// <param name="counts">Their sum; null: the kernel keeps none.</param>
    public static KpiSample Wait(CounterWindow window, string source, TimeSpan now, SchedStat? counts)
    {
        if (counts is not { } known) return KpiSample.Unknown(KpiNames.CpuWait, "the kernel keeps no schedstat");
        Span<ulong> deltas = stackalloc ulong[2];
        string? reason = window.Take(source, now, [known.RunNanoseconds, known.WaitNanoseconds], deltas, out _);
        return Wait(reason, deltas[0], deltas[1]);
    }

    /// <summary>The same from counts of a second, or the reason why there are none.</summary>
    public static KpiSample Wait(string? reason, ulong run, ulong wait)
    {
        if (reason is not null) return KpiSample.Unknown(KpiNames.CpuWait, reason);
        return run + wait == 0
            ? KpiSample.Unknown(KpiNames.CpuWait, "its threads had nothing to do")
            : KpiSample.Of(KpiNames.CpuWait, (double)wait / (run + wait));
    }
}
