using Umbra.Bench.Guests;

namespace Umbra.Bench.Sync;

/// <summary>What is measured.</summary>
internal sealed record SyncPlan
{
    public required IReadOnlyList<Workload> Workloads { get; init; }

    public required IReadOnlyList<TimeSpan> Intervals { get; init; }

    /// <summary>Of each case.</summary>
    public required TimeSpan Time { get; init; }

    public required long MemoryBytes { get; init; }

    public required int FloorRounds { get; init; }

    /// <summary>How often all of it is done.</summary>
    public required int Runs { get; init; }

    /// <summary>Full compares within each case.</summary>
    public required int Compares { get; init; }
}
