using Umbra.Core.Basics;

namespace Umbra.Core.Drift;

/// <summary>
/// Learns a pair's baseline from a calibration window. It runs the very filters that watch later, one stage after the
/// other, so that what is learnt is what will be judged.
/// </summary>
public sealed class BaselineLearner
{
    /// <summary>Most samples that it keeps; later ones push out the oldest.</summary>
    public const int SamplesMax = 16_384;

    /// <summary>Fewest samples that make a baseline.</summary>
    public const int SamplesMin = 60;

    // The first samples of the window run in the averages and are not learnt from.
    private const int WarmUpMax = 128;
    private const double SpreadFloorShare = 0.3;
    private const double InnovationFloorShare = 0.2;
    private const double SpreadMin = 1e-9;

    private readonly IReadOnlyList<string> _kpis;
    private readonly DriftOptions _options;
    private readonly TimeSpan _sampling;
    private readonly List<double>[] _primary;
    private readonly List<double>[] _shadow;

    /// <summary>For the KPIs of one pair, in this order.</summary>
    public BaselineLearner(IReadOnlyList<string> kpis, TimeSpan sampling, DriftOptions? options = null)
    {
        _kpis = kpis;
        _sampling = sampling;
        _options = options ?? DriftOptions.Default;
        _primary = [.. kpis.Select(static _ => new List<double>())];
        _shadow = [.. kpis.Select(static _ => new List<double>())];
    }

    /// <summary>Samples taken.</summary>
    public int Samples => _primary.Length == 0 ? 0 : _primary[0].Count;

    /// <summary>Takes one sample of all KPIs, NaN where unknown. Samples come at the sampling interval, gaps as
    /// NaN.</summary>
    public void Add(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow)
    {
        Invariant.Holds(primary.Length == _kpis.Count && shadow.Length == _kpis.Count);
        for (int k = 0; k < _kpis.Count; k++)
        {
            if (_primary[k].Count == SamplesMax)
            {
                _primary[k].RemoveAt(0);
                _shadow[k].RemoveAt(0);
            }

            _primary[k].Add(primary[k]);
            _shadow[k].Add(shadow[k]);
        }
    }

    /// <summary>
    /// Whether a KPI of hardware has been read on both sides, and not often enough to be judged later.
    /// </summary>
    public bool IsShortOfHardware
    {
        get
        {
            for (int k = 0; k < _kpis.Count; k++)
            {
                if (KpiSense.IsHardware(_kpis[k]) && KnownPairs(k) is > 0 and < SamplesMin) return true;
            }

            return false;
        }
    }

    /// <summary>The baseline; null while fewer than <see cref="SamplesMin"/> samples are there.</summary>
    public PairBaseline? Learn()
    {
        if (Samples < SamplesMin) return null;
        int count = _kpis.Count;
        var baselines = new KpiBaseline[count];
        double[][] bases = new double[count][];
        for (int k = 0; k < count; k++) (baselines[k], bases[k]) = FollowShadow(k);
        double[][] bounded = [.. bases.Select(Bounded)];
        double[][] residuals = new double[count][];
        for (int k = 0; k < count; k++) (baselines[k], residuals[k]) = FollowOthers(baselines[k], k, bases[k], bounded);
        for (int k = 0; k < count; k++) baselines[k] = FollowPast(baselines[k], k, residuals[k]);
        double threshold = EvidenceThreshold.Of(_options, _sampling, baselines);
        double[][] innovations = Innovations(baselines);
        for (int k = 0; k < count; k++) baselines[k] = WithMeans(baselines[k], innovations[k], threshold);
        return new PairBaseline(PairBaseline.CurrentVersion, null, _sampling, Samples, baselines);
    }

    private (KpiBaseline Baseline, double[] Base) FollowShadow(int k)
    {
        var smallest = KpiSense.Smallest(_kpis[k]);
        var primary = SeriesScale.Fit(Span(_primary[k]), smallest, _options.ShadowLevelHalfLife);
        var shadow = SeriesScale.Fit(Span(_shadow[k]), smallest, _options.ShadowLevelHalfLife);
        if (primary is not null) shadow ??= SeriesScale.FitConstant(Span(_shadow[k]), primary);
        var baseline = new KpiBaseline(
            _kpis[k], KnownPairs(k), primary, shadow, new double[ShadowTaps.Width], new double[_kpis.Count], 1, 1,
            new double[ResidualMemory.Width], 1, double.MaxValue, new double[InnovationScores.Forms]);
        double[] nothing = new double[Samples];
        Array.Fill(nothing, double.NaN);
        if (primary is null || baseline.Samples < SamplesMin) return (baseline with { Primary = null }, nothing);

        double[] rows = new double[Samples * ShadowTaps.Width];
        double[] target = new double[Samples];
        Array.Fill(target, double.NaN);
        if (shadow is not null)
        {
            var taps = new ShadowTaps(shadow, _options);
            for (int i = 0; i < Samples; i++)
            {
                taps.Push(shadow.Scaled(_shadow[k][i]));
                if (i > 0 && taps.TryFill(rows.AsSpan(i * ShadowTaps.Width, ShadowTaps.Width)))
                    target[i] = primary.Scaled(_primary[k][i - 1]);
            }

            double[] weights = RobustRegression.Fit(rows, target, _options.ShadowRidge);
            baseline = baseline with { ShadowWeights = weights };
        }

        double[] residuals = Run(baseline, k, static (filter, _) => filter.Base);
        double spread = Math.Max(SmallestSpread(baseline), RobustStatistics.Spread(residuals, SpreadFloorShare));
        return (baseline with { BaseSpread = spread, ResidualSpread = spread },
            [.. residuals.Select(residual => residual / spread)]);
    }

    private (KpiBaseline Baseline, double[] Residuals) FollowOthers(
        KpiBaseline baseline, int k, double[] own, double[][] bounded)
    {
        int count = _kpis.Count;
        if (!baseline.IsJudged || count == 1) return (baseline, own);
        double[] rows = new double[Samples * count];
        for (int i = 0; i < Samples; i++)
        {
            rows[i * count] = 1;
            for (int j = 0, column = 1; j < count; j++)
            {
                if (j != k) rows[(i * count) + column++] = bounded[j][i];
            }
        }

        double[] fitted = RobustRegression.Fit(rows, own, _options.OthersRidge);
        double[] weights = new double[count];
        for (int j = 0, column = 1; j < count; j++)
        {
            if (j != k) weights[j] = fitted[column++];
        }

        double[] residuals = new double[Samples];
        for (int i = 0; i < Samples; i++)
        {
            residuals[i] = own[i];
            for (int j = 0; j < count; j++) residuals[i] -= weights[j] * bounded[j][i];
        }

        double spread = Math.Max(
            SmallestSpread(baseline) / baseline.BaseSpread, RobustStatistics.Spread(residuals, SpreadFloorShare));
        return (baseline with { OtherWeights = weights, ResidualSpread = spread * baseline.BaseSpread },
            [.. residuals.Select(residual => residual / spread)]);
    }

    private KpiBaseline FollowPast(KpiBaseline baseline, int k, double[] residuals)
    {
        if (!baseline.IsJudged) return baseline;
        double[] rows = new double[Samples * ResidualMemory.Width];
        double[] target = new double[Samples];
        var memory = new ResidualMemory(_options.ShortHalfLife, _options.LongHalfLife);
        for (int i = 0; i < Samples; i++)
        {
            memory.Fill(rows.AsSpan(i * ResidualMemory.Width, ResidualMemory.Width));
            double residual = Math.Clamp(residuals[i], -10, 10);
            target[i] = i < WarmUp ? double.NaN : residual;
            memory.Push(residual);
        }

        double[] weights = RobustRegression.Fit(rows, target, _options.MemoryRidge);
        double[] innovations = new double[Samples];
        for (int i = 0; i < Samples; i++)
        {
            innovations[i] = target[i] - RobustRegression.Dot(
                rows.AsSpan(i * ResidualMemory.Width, ResidualMemory.Width), weights);
        }

        double spread = Math.Max(
            SmallestSpread(baseline) / baseline.ResidualSpread,
            RobustStatistics.Spread(innovations, InnovationFloorShare));
        double[] sizes = RobustStatistics.SortedKnown([.. innovations.Select(v => Math.Abs(v) / spread)]);
        return baseline with
        {
            MemoryWeights = weights,
            InnovationSpread = spread,
            SpikeLimit = Math.Max(_options.SpikeLimit, sizes.Length == 0 ? 0 : sizes[^1]),
        };
    }

    private KpiBaseline WithMeans(KpiBaseline baseline, double[] innovations, double threshold)
    {
        if (!baseline.IsJudged) return baseline;
        double[][] scores = [.. Enumerable.Range(0, InnovationScores.Forms).Select(_ => new double[Samples])];
        var scoring = new InnovationScores(_options, baseline.SpikeLimit);
        Span<double> one = stackalloc double[InnovationScores.Forms];
        for (int i = 0; i < Samples; i++)
        {
            bool isKnown = i >= WarmUp && !double.IsNaN(innovations[i]);
            if (isKnown) scoring.Fill(innovations[i], one);
            for (int f = 0; f < scores.Length; f++) scores[f][i] = isKnown ? one[f] : double.NaN;
        }

        return baseline with
        {
            Means = [.. scores.Select((score, form) =>
                NullMean.Of(
                    score, threshold, MarginOf((DriftForm)form, baseline), MarginMinOf((DriftForm)form, baseline),
                    _options))],
        };
    }

    private double MarginOf(DriftForm form, KpiBaseline baseline)
    {
        double explained = Math.Clamp(1 - (baseline.InnovationSpread * baseline.InnovationSpread), 0, 1);
        return form switch
        {
            DriftForm.Spread => _options.MarginDeviations,
            DriftForm.Spikes => _options.SpikeMarginDeviations,
            _ => _options.MarginDeviations * (1 + (_options.WanderMargin * explained)),
        };
    }

    // What the smallest change that matters moves a score by, when it stays: so much is no evidence.
    private double MarginMinOf(DriftForm form, KpiBaseline baseline)
    {
        double innovation = SmallestSpread(baseline) / (baseline.ResidualSpread * baseline.InnovationSpread);
        return form switch
        {
            DriftForm.Spikes => 0,
            DriftForm.Spread => innovation / _options.SpreadLimit,
            _ => 0.5 * innovation / _options.LevelLimit,
        };
    }

    private double[][] Innovations(KpiBaseline[] baselines)
    {
        double[][] innovations = [.. baselines.Select(_ => new double[Samples])];
        var filters = new PairFilter(baselines, _options);
        double[] primary = new double[_kpis.Count];
        double[] shadow = new double[_kpis.Count];
        for (int i = 0; i < Samples; i++)
        {
            for (int k = 0; k < _kpis.Count; k++) (primary[k], shadow[k]) = (_primary[k][i], _shadow[k][i]);
            filters.Push(primary, shadow);
            for (int k = 0; k < _kpis.Count; k++) innovations[k][i] = filters.Innovations[k];
        }

        return innovations;
    }

    private double[] Run(KpiBaseline baseline, int k, Func<KpiFilter, int, double> read)
    {
        var filter = new KpiFilter(baseline, _options);
        double[] values = new double[Samples];
        for (int i = 0; i < Samples; i++)
        {
            filter.Push(_primary[k][i], _shadow[k][i]);
            values[i] = read(filter, i);
        }

        return values;
    }

    private double[] Bounded(double[] bases)
    {
        double limit = _options.OthersLimit;
        return [.. bases.Select(v => double.IsNaN(v) ? 0 : Math.Clamp(v, -limit, limit))];
    }

    // No spread is smaller than the change that matters, in the primary's scale.
    private static double SmallestSpread(KpiBaseline baseline) =>
        Math.Max(SpreadMin, baseline.Primary!.Of(KpiSense.Smallest(baseline.Kpi)));

    private int WarmUp => Math.Min(WarmUpMax, Samples / 8);

    private int KnownPairs(int k)
    {
        int known = 0;
        for (int i = 0; i < Samples; i++)
        {
            if (double.IsFinite(_primary[k][i]) && double.IsFinite(_shadow[k][i])) known++;
        }

        return known;
    }

    private static ReadOnlySpan<double> Span(List<double> values) =>
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(values);
}
