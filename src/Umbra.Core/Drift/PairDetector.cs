using Umbra.Core.Basics;

namespace Umbra.Core.Drift;

/// <summary>
/// Watches all KPIs of one pair for drift of the primary against its baseline. Pure: samples go in at the sampling
/// interval, scores come out; nothing is allocated for a sample. A sample is judged when the next one has come.
/// </summary>
public sealed class PairDetector
{
    // Evidence far above the threshold adds nothing but a longer memory of a drift that is over.
    private const double CapExponent = 1.5;

    private readonly DriftOptions _options;
    private readonly PairFilter _filter;
    private readonly EvidenceBets[] _bets;
    private readonly EvidenceStream[] _streams;
    private readonly InnovationScores[] _scores;
    private readonly HintSum[] _hints;
    private readonly double _logThreshold;
    private readonly double _cap;

    /// <summary>Starts with no evidence.</summary>
    public PairDetector(PairBaseline baseline, DriftOptions? options = null)
    {
        _options = options ?? DriftOptions.Default;
        Baseline = baseline;
        int count = baseline.Kpis.Count;
        _filter = new PairFilter(baseline.Kpis, _options);
        _streams = new EvidenceStream[count * InnovationScores.Forms];
        _bets = [.. baseline.Kpis.SelectMany(static kpi => kpi.Means)
            .Select(mean => new EvidenceBets(mean, _options.GainMax))];
        _scores = [.. baseline.Kpis.Select(kpi => new InnovationScores(_options, kpi.SpikeLimit))];
        _hints = [.. baseline.Kpis.Select(_ => new HintSum(_options))];
        double threshold = EvidenceThreshold.Of(_options, baseline.Sampling, baseline.Kpis);
        _logThreshold = Math.Log(threshold);
        _cap = Math.Pow(threshold, CapExponent);
    }

    /// <summary>The baseline it judges by.</summary>
    public PairBaseline Baseline { get; }

    /// <summary>Samples taken.</summary>
    public long Samples { get; private set; }

    /// <summary>Whether a KPI hints at drift.</summary>
    public bool IsHint
    {
        get
        {
            bool any = false;
            foreach (ref readonly var hint in _hints.AsSpan()) any |= hint.Level >= 1;
            return any;
        }
    }

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

    /// <summary>The drift score of one KPI: the highest of its forms.</summary>
    public double Score(int kpi) => Math.Log(Math.Max(1, _streams[Highest(kpi)].Value)) / _logThreshold;

    /// <summary>What is known about one KPI.</summary>
    public DriftEvidence Evidence(int kpi)
    {
        int highest = Highest(kpi);
        var baseline = Baseline.Kpis[kpi];
        var form = (DriftForm)(highest % InnovationScores.Forms);
        bool isLevel = form is DriftForm.LevelUp or DriftForm.LevelDown;
        var evidence = new DriftEvidence(
            baseline.Kpi, baseline.IsJudged, !double.IsNaN(_filter.Innovations[kpi]), Score(kpi), form,
            _hints[kpi].Level, _streams[highest].Onset, isLevel ? _filter[kpi]?.Change ?? 0 : 0,
            _streams[highest].Mean, _bets[highest].Mean, "");
        return evidence with
        {
            Explanation = baseline.IsJudged
                ? DriftExplanation.Of(evidence, _logThreshold, _options.FalseVerdictInterval)
                : DriftExplanation.OfNotJudged(baseline),
        };
    }

    private int Highest(int kpi)
    {
        int first = kpi * InnovationScores.Forms;
        int highest = first;
        for (int i = first + 1; i < first + InnovationScores.Forms; i++)
        {
            if (_streams[i].Value > _streams[highest].Value) highest = i;
        }

        return highest;
    }
}
