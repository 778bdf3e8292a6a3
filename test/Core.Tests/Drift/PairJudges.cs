using Umbra.Core.Drift;

namespace Umbra.Core.Tests.Drift;

/// <summary>What can judge a pair: it learns a baseline, then says which KPIs have drifted.</summary>
internal interface IPairJudge
{
    /// <summary>The baseline; null while it learns.</summary>
    PairBaseline? Baseline { get; }

    /// <summary>Takes one sample of all KPIs.</summary>
    void Observe(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow);

    /// <summary>Whether the KPI is called drifted now.</summary>
    bool IsVerdict(int kpi);

    /// <summary>The form of the drift.</summary>
    DriftForm FormOf(int kpi);

    /// <summary>Why, in words.</summary>
    string Explain(int kpi);
}

/// <summary>The product's own watch.</summary>
internal sealed class ProductJudge(RecordedPair pair) : IPairJudge
{
    private readonly DriftWatch _watch =
        new(null, pair.Series.Kpis, pair.Series.Sampling, pair.Calibration);

    public PairBaseline? Baseline => _watch.Baseline;

    public void Observe(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow) => _watch.Observe(primary, shadow);

    public bool IsVerdict(int kpi) => _watch.Detector is { } detector && detector.Score(kpi) >= 1;

    public DriftForm FormOf(int kpi) => _watch.Detector!.Evidence(kpi).Form;

    public string Explain(int kpi) => _watch.Detector!.Evidence(kpi).Explanation;
}

/// <summary>
/// A known-bad detector: a two-sided CUSUM of the difference of the two scaled series, whose limit Siegmund's
/// approximation sets for one false alarm of all KPIs in 90 days, if samples are independent and normal.
/// </summary>
internal sealed class CusumJudge(RecordedPair pair) : IPairJudge
{
    private const double Reference = 0.5;
    private const double FalseVerdictDays = 90;

    // For this reference value the run length is close to exp(limit + 1.166).
    private readonly double _limit =
        Math.Log(FalseVerdictDays / pair.Series.Sampling.TotalDays * pair.Series.Kpis.Count) - 1.166;

    private readonly DriftWatch _learner = new(null, pair.Series.Kpis, pair.Series.Sampling, pair.Calibration);
    private readonly List<(double Primary, double Shadow)>[] _calibration =
        [.. pair.Series.Kpis.Select(static _ => new List<(double Primary, double Shadow)>())];

    private readonly (double Center, double Sigma)[] _usual = new (double Center, double Sigma)[pair.Series.Kpis.Count];
    private readonly (double Up, double Down)[] _sums = new (double Up, double Down)[pair.Series.Kpis.Count];

    public PairBaseline? Baseline { get; private set; }

    public bool IsVerdict(int kpi) => Math.Max(_sums[kpi].Up, _sums[kpi].Down) > _limit;

    public DriftForm FormOf(int kpi) => _sums[kpi].Up >= _sums[kpi].Down ? DriftForm.LevelUp : DriftForm.LevelDown;

    public string Explain(int kpi) => "";

    public void Observe(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow)
    {
        for (int k = 0; k < primary.Length; k++)
        {
            if (Baseline is null) _calibration[k].Add((primary[k], shadow[k]));
            else Sum(k, Away(Baseline.Kpis[k], primary[k], shadow[k]));
        }

        if (Baseline is not null) return;
        _learner.Observe(primary, shadow);
        if (_learner.Baseline is { } learnt) Learn(learnt);
    }

    private void Learn(PairBaseline baseline)
    {
        Baseline = baseline;
        for (int k = 0; k < _calibration.Length; k++)
        {
            double[] away = [.. _calibration[k].Select(both => Away(baseline.Kpis[k], both.Primary, both.Shadow))];
            _usual[k] = (RobustStatistics.Median(away), RobustStatistics.Spread(away, 0.3));
        }
    }

    private void Sum(int k, double away)
    {
        var (center, sigma) = _usual[k];
        if (double.IsNaN(away) || sigma == 0) return;
        double z = (away - center) / sigma;
        var (up, down) = _sums[k];
        _sums[k] = (Math.Max(0, up + z - Reference), Math.Max(0, down - z - Reference));
    }

    private static double Away(KpiBaseline kpi, double primary, double shadow) =>
        (kpi.Primary?.Scaled(primary) - kpi.Shadow?.Scaled(shadow)) ?? double.NaN;
}
