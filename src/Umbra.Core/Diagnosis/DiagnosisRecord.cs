using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;

namespace Umbra.Core.Diagnosis;

/// <summary>
/// What became known of a host that a VM left on suspicion. GET <c>/api/v1/diagnoses/ID</c>; kept by the controller.
/// </summary>
public sealed record DiagnosisRecord
{
    /// <summary>Diagnoses kept; the oldest go first.</summary>
    public const int KeptMax = 100;

    /// <summary>Most readings that are not well.</summary>
    public const int ReadingsMax = 64;

    /// <summary>Most moments of the suspicion's history: one a second, the last five minutes.</summary>
    public const int HistoryMax = 300;

    /// <summary>The swap's action.</summary>
    public required string Id { get; init; }

    /// <summary>The VM that left.</summary>
    public required VmId Vm { get; init; }

    /// <summary>The host it left, which is diagnosed.</summary>
    public required HostId OldHost { get; init; }

    /// <summary>The host it went to; until the swap has ended the one it is to go to. Null: none was known.</summary>
    public HostId? NewHost { get; init; }

    /// <summary>How far it is.</summary>
    public required DiagnosisState State { get; init; }

    /// <summary>When the first drift against the host began, as estimated; null: none drifts.</summary>
    public DateTimeOffset? Onset { get; init; }

    /// <summary>When the swap was decided on.</summary>
    public required DateTimeOffset Decided { get; init; }

    /// <summary>When the swap ended; null: it has not.</summary>
    public DateTimeOffset? SwapEnded { get; init; }

    /// <summary>When the report was whole; null: it is not.</summary>
    public DateTimeOffset? Completed { get; init; }

    /// <summary>Why it was decided, for people.</summary>
    public required string Reason { get; init; }

    /// <summary>How the swap went, for people; empty while it goes on.</summary>
    public string SwapResult { get; init; } = "";

    /// <summary>Parts that may be the cause, likeliest first; empty: nothing speaks against any.</summary>
    public IReadOnlyList<SuspectCandidate> Candidates { get; init; } = [];

    /// <summary>What was seen, in order of time.</summary>
    public IReadOnlyList<DiagnosisEvidence> Evidence { get; init; } = [];

    /// <summary>What a person should do.</summary>
    public required string NextStep { get; init; }

    /// <summary>Drift of the pair as it was at the decision; null: nothing was heard of it.</summary>
    public DriftStatus? Drift { get; init; }

    /// <summary>KPIs of both sides at the decision; null: nothing was heard of them.</summary>
    public KpiStatus? Kpis { get; init; }

    /// <summary>The suspicion before the decision, oldest first; how long ago counts from the decision.</summary>
    public IReadOnlyList<SuspicionMoment> History { get; init; } = [];

    /// <summary>Health events of the old host, oldest first.</summary>
    public IReadOnlyList<HealthEvent> Events { get; init; } = [];

    /// <summary>Readings of the old host that are not well, worst first.</summary>
    public IReadOnlyList<ReadReading> Readings { get; init; } = [];

    /// <summary>What the readers of the old host could see: one that is blind told of nothing.</summary>
    public IReadOnlyList<ReaderStatus> Readers { get; init; } = [];

    /// <summary>Where the VM ran on the old host; null: its agent had not told.</summary>
    public VmPlace? Place { get; init; }

    /// <summary>The hardware KPIs of both sides in the last minutes before the decision; null: none was told.</summary>
    public KpiSeries? KpiSeries { get; init; }

    /// <summary>What the old host's canaries found after the VM had left; null: see the reason.</summary>
    public Examination? Examination { get; init; }

    /// <summary>
    /// Why there is no <see cref="Examination"/>, for people; empty while there may be one yet, or when there is.
    /// </summary>
    public string ExaminationReason { get; init; } = "";

    /// <summary>The canaries' values against those before; empty without an examination.</summary>
    public IReadOnlyList<KpiComparison> Comparisons { get; init; } = [];

    /// <summary>
    /// What the kernel of the old host says of its memory's scrubbing and errors; <c>not available</c> with the reason
    /// where it says nothing.
    /// </summary>
    public string MemoryScrub { get; init; } = "not available";

    /// <summary>The part that is suspected; null: none.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public SuspectCandidate? Suspect => Candidates.Count > 0 ? Candidates[0] : null;
}
