namespace Umbra.Core.Sensors;

/// <summary>
/// Names of what both hosts of a pair measure once a second (docs/operating/kpis.md), and their units. They are on the
/// wire and in JSON.
/// </summary>
public static class KpiNames
{
    /// <summary>Longest name, characters.</summary>
    public const int LengthMax = 32;

    /// <summary>CPU time that was got: of the vCPUs on the primary, of the canary on the shadow; 0 to 1.</summary>
    public const string CpuUtilization = "cpu.utilization";

    /// <summary>Part of the time in which threads could have run and waited for a CPU; 0 to 1.</summary>
    public const string CpuWait = "cpu.wait";

    /// <summary>A fixed piece of integer work, ns.</summary>
    public const string CpuWork = "cpu.work";

    /// <summary>One access of a pointer chase through more memory than the last-level cache holds, ns.</summary>
    public const string MemoryLatency = "memory.latency";

    /// <summary>A small write and read past the page cache, ms.</summary>
    public const string DiskLatency = "disk.latency";

    /// <summary>Making that write durable, ms.</summary>
    public const string DiskFlush = "disk.flush";

    /// <summary>Round trip between the agents, ms.</summary>
    public const string NetLatency = "net.latency";

    /// <summary>Packets lost or damaged, of those sent and received; 0 to 1.</summary>
    public const string NetLoss = "net.loss";

    /// <summary>What went over the pair's connection, bytes a second.</summary>
    public const string NetThroughput = "net.throughput";

    /// <summary>Pause of the guest for an epoch, mean of the second, ms.</summary>
    public const string SyncPause = "sync.pause";

    /// <summary>
    /// On the primary the age of what the shadow holds, on the shadow the time to apply an epoch; ms.
    /// </summary>
    public const string SyncLag = "sync.lag";

    /// <summary>What the guest's own disk requests took, mean of the second, ms. Load, not hardware alone.</summary>
    public const string GuestDiskLatency = "guest.disk.latency";

    /// <summary>What the guest's own flushes took, mean of the second, ms.</summary>
    public const string GuestDiskFlush = "guest.disk.flush";

    /// <summary>What went over the guest's network interfaces, bytes a second.</summary>
    public const string GuestNetThroughput = "guest.net.throughput";

    /// <summary>What is compared between the two hosts, in the order in which it is shown.</summary>
    public static IReadOnlyList<string> Compared { get; } =
    [
        CpuUtilization, CpuWait, CpuWork, MemoryLatency, DiskLatency, DiskFlush, NetLatency, NetLoss, NetThroughput,
        SyncPause, SyncLag,
    ];

    /// <summary>What says how much the guest asks of its host; there is none of it on a shadow.</summary>
    public static IReadOnlyList<string> Load { get; } = [GuestDiskLatency, GuestDiskFlush, GuestNetThroughput];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Compared, .. Load];

    /// <summary>Unit of a KPI's values; empty: a part of one.</summary>
    public static string Unit(string kpi) => kpi switch
    {
        CpuWork or MemoryLatency => "ns",
        DiskLatency or DiskFlush or NetLatency or SyncPause or SyncLag or GuestDiskLatency or GuestDiskFlush => "ms",
        NetThroughput or GuestNetThroughput => "B/s",
        _ => "",
    };

    /// <summary>Whether it can be a name: 1 to 32 of <c>a-z 0-9 . -</c>.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= LengthMax
        && name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-');
}
