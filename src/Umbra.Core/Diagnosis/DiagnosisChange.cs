using Umbra.Core.Placement;

namespace Umbra.Core.Diagnosis;

/// <summary>What becomes of a diagnosis.</summary>
/// <param name="Record">As it is from now on.</param>
/// <param name="Dropped">Whether it is forgotten: the VM has not left its host.</param>
/// <param name="Event">What to record; null: nothing.</param>
public sealed record DiagnosisChange(DiagnosisRecord Record, bool Dropped, PlannedEvent? Event);
