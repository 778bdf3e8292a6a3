using Umbra.Bench.Guests;
using Umbra.Core.Api;

namespace Umbra.Bench.Sync;

/// <summary>What is measured.</summary>
internal sealed record SyncPlan
{
    public required IReadOnlyList<Workload> Workloads { get; init; }

    public required IReadOnlyList<TimeSpan> Intervals { get; init; }

    public required IReadOnlyList<DiskMode> DiskModes { get; init; }

    /// <summary>Of the way to the shadow once epochs flow, bytes a second; 0: none.</summary>
    public required long LinkBytesPerSecond { get; init; }

    /// <summary>Of each case.</summary>
    public required TimeSpan Time { get; init; }

    public required long MemoryBytes { get; init; }

    public required int FloorRounds { get; init; }

    /// <summary>How often all of it is done.</summary>
    public required int Runs { get; init; }

    /// <summary>Full compares within each case.</summary>
    public required int Compares { get; init; }
}
