using Umbra.Core.Basics;

namespace Umbra.Core.Diagnosis;

/// <summary>GET <c>/api/v1/diagnoses</c>: newest first.</summary>
public sealed record DiagnosisList(IReadOnlyList<DiagnosisSummary> Diagnoses);

/// <summary>One diagnosis in short.</summary>
public sealed record DiagnosisSummary
{
    /// <summary>The swap's action.</summary>
    public required string Id { get; init; }

    /// <summary>The VM that left.</summary>
    public required VmId Vm { get; init; }

    /// <summary>The host it left.</summary>
    public required HostId OldHost { get; init; }

    /// <summary>How far it is.</summary>
    public required DiagnosisState State { get; init; }

    /// <summary>When the swap was decided on.</summary>
    public required DateTimeOffset Decided { get; init; }

    /// <summary>The part that is suspected; null: none.</summary>
    public SuspectCandidate? Suspect { get; init; }

    /// <summary>Of the whole.</summary>
    public static DiagnosisSummary Of(DiagnosisRecord record) => new()
    {
        Id = record.Id, Vm = record.Vm, OldHost = record.OldHost, State = record.State, Decided = record.Decided,
        Suspect = record.Suspect,
    };
}
