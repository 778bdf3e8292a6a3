namespace Umbra.Core.Drift;

/// <summary>What a stored baseline must keep to before anything is judged by it.</summary>
internal static class BaselineRules
{
    /// <summary>What is wrong with it; empty: nothing.</summary>
    public static string Check(PairBaseline baseline)
    {
        if (baseline.Version != PairBaseline.CurrentVersion)
            return $"version {baseline.Version} is not {PairBaseline.CurrentVersion}";
        if (baseline.Sampling <= TimeSpan.Zero) return "the sampling interval must be above zero";
        if (baseline.Kpis.Count is 0 or > PairBaseline.KpisMax) return $"1 to {PairBaseline.KpisMax} KPIs are wanted";
        foreach (var kpi in baseline.Kpis)
        {
            string error = kpi is null ? "is null" : Check(kpi, baseline.Kpis.Count);
            if (error != "") return $"KPI {kpi?.Kpi}: {error}";
        }

        return "";
    }

    private static string Check(KpiBaseline kpi, int kpis)
    {
        if (kpi.ShadowWeights.Count != ShadowTaps.Width || kpi.MemoryWeights.Count != ResidualMemory.Width
            || kpi.OtherWeights.Count != kpis || kpi.Means.Count != InnovationScores.Forms)
        {
            return "a list has the wrong length";
        }

        if (kpi.Primary is { } primary && !IsValid(primary)) return "the primary's scale is not valid";
        if (kpi.Shadow is { } shadow && !IsValid(shadow)) return "the shadow's scale is not valid";
        if (!IsPositive(kpi.ResidualSpread) || !IsPositive(kpi.BaseSpread) || !IsPositive(kpi.InnovationSpread))
            return "a spread must be above zero";
        return kpi.Means.All(static mean => mean is >= 0 and <= 1) ? "" : "a score's mean must be 0 to 1";
    }

    private static bool IsValid(SeriesScale scale) =>
        IsPositive(scale.Offset) && IsPositive(scale.Spread) && scale.Low <= scale.High
        && scale.LevelLow <= scale.LevelHigh && double.IsFinite(scale.Height) && double.IsFinite(scale.Swing);

    private static bool IsPositive(double value) => value > 0 && double.IsFinite(value);
}
