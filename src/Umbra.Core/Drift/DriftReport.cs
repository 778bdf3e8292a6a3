namespace Umbra.Core.Drift;

/// <summary>How a pair stands: what the shadow's agent tells the controller.</summary>
/// <param name="Phase">Whether it is watched yet.</param>
/// <param name="Samples">Samples taken since watching began (while calibrating: since that began).</param>
/// <param name="Score">Highest drift score of all KPIs: 0 nothing, 1 the verdict.</param>
/// <param name="IsHint">Whether a KPI's CUSUM is over its limit: sync faster.</param>
/// <param name="IsVerdict">Whether the score has reached 1.</param>
/// <param name="Kpis">Every KPI, the highest score first.</param>
public sealed record DriftReport(
    DriftPhase Phase, long Samples, double Score, bool IsHint, bool IsVerdict, IReadOnlyList<DriftEvidence> Kpis);

/// <summary>What a pair's watch is doing.</summary>
public enum DriftPhase
{
    /// <summary>It learns what the pair looks like without drift.</summary>
    Calibrating = 0,

    /// <summary>It compares.</summary>
    Watching = 1,
}

/// <summary>What is known about drift of one KPI.</summary>
/// <param name="Kpi">The KPI.</param>
/// <param name="IsJudged">False where the calibration gave it no scale; the explanation says why.</param>
/// <param name="IsKnown">False where the newest judged reading is missing.</param>
/// <param name="Score">Log evidence over log threshold: 0 nothing, 1 the verdict, at most 1.5.</param>
/// <param name="Form">The form with the highest score.</param>
/// <param name="Hint">CUSUM over its limit: 1 or more is a hint.</param>
/// <param name="OnsetSample">The likeliest first sample of the drift, counted as the report's samples are.</param>
/// <param name="Change">
/// Level: the primary's recent level against the expected one, 0.1 is 10 % above. Otherwise 0: see
/// <paramref name="ScoreMean"/>.
/// </param>
/// <param name="ScoreMean">Mean of the form's score since the onset, 0 to 1.</param>
/// <param name="ScoreMeanMax">What that mean may be without drift.</param>
/// <param name="Explanation">The same for people.</param>
public sealed record DriftEvidence(
    string Kpi, bool IsJudged, bool IsKnown, double Score, DriftForm Form, double Hint, long OnsetSample, double Change,
    double ScoreMean, double ScoreMeanMax, string Explanation);
