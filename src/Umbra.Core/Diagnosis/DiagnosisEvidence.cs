namespace Umbra.Core.Diagnosis;

/// <summary>One thing that was seen.</summary>
/// <param name="Time">When, UTC; of a drift its onset.</param>
/// <param name="Source">Who saw it: <c>drift</c>, a health reader's name, <c>decision</c>.</param>
/// <param name="Text">What, for people.</param>
public sealed record DiagnosisEvidence(DateTimeOffset Time, string Source, string Text);
