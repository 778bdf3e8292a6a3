namespace Umbra.Core.Drift;

/// <summary>
/// What a KPI of a pair looks like without drift: how the primary follows the shadow, the other KPIs and its own past,
/// and how large a score's mean may be by that alone.
/// </summary>
/// <param name="Kpi">The KPI's name.</param>
/// <param name="Samples">Calibration samples with both sides known.</param>
/// <param name="Primary">Scale of the primary's series; null: no two different values, so nothing can be
/// judged.</param>
/// <param name="Shadow">Scale of the shadow's series; null: it says nothing about the primary.</param>
/// <param name="ShadowWeights">Expectation from the shadow: constant, next, now, previous, slow.</param>
/// <param name="OtherWeights">Expectation from the other KPIs' residuals, in the order of the pair's KPIs.</param>
/// <param name="ResidualSpread">Spread of what those leave, in the primary's scale.</param>
/// <param name="BaseSpread">Spread of the residual from the shadow alone, in the primary's scale.</param>
/// <param name="MemoryWeights">Expectation from the residual's past: constant, last, short, long.</param>
/// <param name="InnovationSpread">Spread of what is then left, in residual spreads.</param>
/// <param name="SpikeLimit">Innovations beyond it are spikes, in their spreads.</param>
/// <param name="Means">Highest mean of each score without drift, in the order of <see cref="DriftForm"/>.</param>
public sealed record KpiBaseline(
    string Kpi, int Samples, SeriesScale? Primary, SeriesScale? Shadow, IReadOnlyList<double> ShadowWeights,
    IReadOnlyList<double> OtherWeights, double ResidualSpread, double BaseSpread, IReadOnlyList<double> MemoryWeights,
    double InnovationSpread, double SpikeLimit, IReadOnlyList<double> Means)
{
    /// <summary>Whether drift of this KPI can be judged.</summary>
    public bool IsJudged => Primary is not null;
}
