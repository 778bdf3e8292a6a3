namespace Umbra.Core.Drift;

/// <summary>The KPIs that both agents of a pair sample, by the names that they have everywhere.</summary>
public static class Kpi
{
    /// <summary>CPU time of the VM (shadow: of the canary, or of the VM in a rehearsal), share of its vCPUs.</summary>
    public const string CpuUtilization = "cpu.utilization";

    /// <summary>Time that the vCPU threads waited for a CPU, share.</summary>
    public const string CpuWait = "cpu.wait";

    /// <summary>Time of a fixed piece of integer work, ns.</summary>
    public const string CpuWork = "cpu.work";

    /// <summary>Time of one access of a pointer chase larger than the last-level cache, ns.</summary>
    public const string MemoryLatency = "memory.latency";

    /// <summary>Time of a disk request, ms.</summary>
    public const string DiskLatency = "disk.latency";

    /// <summary>Time of a disk flush, ms.</summary>
    public const string DiskFlush = "disk.flush";

    /// <summary>Round trip between the agents, ms.</summary>
    public const string NetLatency = "net.latency";

    /// <summary>Retransmitted segments and NIC errors, share.</summary>
    public const string NetLoss = "net.loss";

    /// <summary>Bytes through the VM's network interfaces, bytes a second.</summary>
    public const string NetThroughput = "net.throughput";

    /// <summary>How long a sync stops the guest, ms.</summary>
    public const string SyncPause = "sync.pause";

    /// <summary>Age of the newest committed epoch, ms.</summary>
    public const string SyncLag = "sync.lag";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        CpuUtilization, CpuWait, CpuWork, MemoryLatency, DiskLatency, DiskFlush, NetLatency, NetLoss, NetThroughput,
        SyncPause, SyncLag,
    ];
}
