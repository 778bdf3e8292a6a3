using Umbra.Core.Basics;

namespace Umbra.Core.Drift;

/// <summary>
/// Watches all KPIs of one pair for drift of the primary against its baseline. Pure: samples go in at the sampling
/// interval, scores come out; nothing is allocated for a sample.
/// </summary>
public sealed class PairDetector
{
    // Evidence far above the threshold adds nothing but a longer memory of a drift that is over.
    private const double CapExponent = 1.5;

    private readonly PairFilter _filter;
    private readonly EvidenceBets[] _bets;
    private readonly EvidenceStream[] _streams;
    private readonly InnovationScores[] _scores;
    private readonly HintSum[] _hints;
    private readonly double _threshold;
    private readonly double _cap;

    /// <summary>Starts with no evidence.</summary>
    public PairDetector(PairBaseline baseline, DriftOptions? options = null)
    {
        options ??= DriftOptions.Default;
        Baseline = baseline;
        int count = baseline.Kpis.Count;
        _filter = new PairFilter(baseline.Kpis, options);
        _streams = new EvidenceStream[count * InnovationScores.Forms];
        _bets = [.. baseline.Kpis.SelectMany(kpi => kpi.Means).Select(mean => new EvidenceBets(mean, options.GainMax))];
        _scores = [.. baseline.Kpis.Select(kpi => new InnovationScores(options, kpi.SpikeLimit))];
        _hints = [.. baseline.Kpis.Select(_ => new HintSum(options))];
        _threshold = EvidenceThreshold.Of(options, baseline.Sampling, baseline.Kpis);
        _cap = Math.Pow(_threshold, CapExponent);
    }

    /// <summary>The baseline it judges by.</summary>
    public PairBaseline Baseline { get; }

    /// <summary>Samples taken.</summary>
    public long Samples { get; private set; }

    /// <summary>Takes one sample of all KPIs, in the baseline's order; NaN where a reading is unknown.</summary>
    public void Observe(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow)
    {
        Invariant.Holds(primary.Length == _hints.Length && shadow.Length == _hints.Length);
        _filter.Push(primary, shadow);
        Span<double> scores = stackalloc double[InnovationScores.Forms];
        for (int k = 0; k < _hints.Length; k++)
        {
            double innovation = _filter.Innovations[k];
            if (double.IsNaN(innovation)) continue;
            _hints[k].Update(innovation);
            _scores[k].Fill(innovation, scores);
            int first = k * InnovationScores.Forms;
            for (int f = 0; f < scores.Length; f++)
                _streams[first + f].Update(scores[f], _bets[first + f], _cap, Samples - 1);
        }

        Samples++;
    }

    /// <summary>The drift score of one form of one KPI: log evidence over log threshold.</summary>
    public double Score(int kpi, DriftForm form) =>
        Math.Log(Math.Max(1, _streams[(kpi * InnovationScores.Forms) + (int)form].Value)) / Math.Log(_threshold);

    /// <summary>The drift score of one KPI.</summary>
    public double Score(int kpi)
    {
        double most = 0;
        for (int f = 0; f < InnovationScores.Forms; f++) most = Math.Max(most, Score(kpi, (DriftForm)f));
        return most;
    }
}
