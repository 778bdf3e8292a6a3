using Umbra.Core.Sensors;

namespace Umbra.Core.Drift;

/// <summary>
/// What a KPI says of hardware. The canaries and round trips are the same work on both sides and cost more on worse
/// hardware. The others move with what the guest does: they are shown, and move no VM. So does the wait for a CPU: the
/// primary's is that of its vCPUs, the shadow has only its canary's to set against it, and more load on both hosts
/// lengthens the two differently. What hardware does to it shows in the canary's work, whose wait is part of it.
/// </summary>
public static class KpiSense
{
    private static readonly HashSet<string> Hardware = new(StringComparer.Ordinal)
    {
        KpiNames.CpuWork, KpiNames.MemoryLatency, KpiNames.DiskLatency, KpiNames.DiskFlush, KpiNames.NetLatency,
        KpiNames.NetLoss,
    };

    /// <summary>Whether drift of the KPI speaks against hardware. Higher is worse for all of these.</summary>
    public static bool IsHardware(string kpi) => Hardware.Contains(kpi);

    /// <summary>
    /// The smallest change of the KPI that is worth a thought: what healthy hardware does by itself (TCP sends a lone
    /// segment again now and then, a clock changes by a few percent), however still it was while it was learnt.
    /// </summary>
    public static SmallestChange Smallest(string kpi) => kpi switch
    {
        KpiNames.CpuWork or KpiNames.MemoryLatency => new SmallestChange(0, 0.05),
        KpiNames.DiskLatency or KpiNames.DiskFlush or KpiNames.NetLatency => new SmallestChange(0.2, 0.1),
        KpiNames.NetLoss => new SmallestChange(0.005, 0.1),
        _ => SmallestChange.Any,
    };
}
