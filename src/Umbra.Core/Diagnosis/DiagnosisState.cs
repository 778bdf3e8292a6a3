namespace Umbra.Core.Diagnosis;

/// <summary>How far a diagnosis is. Kept by name.</summary>
public enum DiagnosisState
{
    /// <summary>The VM is leaving the host; what spoke against it is kept.</summary>
    Swapping = 0,

    /// <summary>The VM has left and the report is whole.</summary>
    Completed = 1,

    /// <summary>The VM has left; the host is looked at once more, and late events are waited for.</summary>
    Examining = 2,
}
