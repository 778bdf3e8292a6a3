namespace Umbra.Core.Drift;

/// <summary>Why a baseline is to be learnt anew.</summary>
public enum RelearnReason
{
    /// <summary>It has become old.</summary>
    Routine = 0,

    /// <summary>The VM runs, or its shadow lies, on another host now.</summary>
    Moved = 1,

    /// <summary>A person says so.</summary>
    Person = 2,
}

/// <summary>
/// One pair from its first sample on: learns a baseline, then watches by it. Nothing is re-learnt while drift is
/// suspected, since a baseline learnt in a drift would hide it; only a move or a person's word overrules that.
/// </summary>
public sealed class DriftWatch
{
    /// <summary>
    /// A calibration that waits for readings of hardware ends after so many times its samples at the latest: a sensor
    /// that hardly ever answers must not keep the others from being judged.
    /// </summary>
    public const int CalibrationStretchMax = 4;

    // From this score on drift is suspected.
    private const double SuspectedScore = 0.5;

    private readonly IReadOnlyList<string> _kpis;
    private readonly TimeSpan _sampling;
    private readonly DriftOptions _options;
    private readonly int _calibrationSamples;
    private readonly int _calibrationSamplesMax;
    private BaselineLearner _learner;
    private PairDetector? _detector;

    /// <summary>Starts to calibrate, or to watch where <paramref name="stored"/> fits the KPIs and the
    /// interval.</summary>
    /// <param name="pair">Whose it is; null: nobody's, as in a replay.</param>
    /// <param name="kpis">Names, in the order of the samples.</param>
    /// <param name="sampling">Time between samples.</param>
    /// <param name="calibrationSamples">Samples to learn from.</param>
    /// <param name="stored">A baseline that was kept; null: none.</param>
    /// <param name="options">Parameters; null: the product's.</param>
    /// <param name="waitsForHardware">
    /// Whether a calibration in which a KPI of hardware was read too seldom goes on: what is not judged by its baseline
    /// is never judged. False where the calibration's end is given.
    /// </param>
    public DriftWatch(
        PairKey? pair, IReadOnlyList<string> kpis, TimeSpan sampling, int calibrationSamples,
        PairBaseline? stored = null, DriftOptions? options = null, bool waitsForHardware = false)
    {
        Pair = pair;
        _kpis = kpis;
        _sampling = sampling;
        _options = options ?? DriftOptions.Default;
        _calibrationSamples = Math.Clamp(
            calibrationSamples, BaselineLearner.SamplesMin, BaselineLearner.SamplesMax);
        _calibrationSamplesMax = waitsForHardware
            ? Math.Min(BaselineLearner.SamplesMax, CalibrationStretchMax * _calibrationSamples)
            : _calibrationSamples;
        _learner = new BaselineLearner(kpis, sampling, _options);
        bool fits = stored is not null && stored.Pair == pair && stored.Sampling == sampling
            && stored.Kpis.Select(static kpi => kpi.Kpi).SequenceEqual(kpis);
        if (fits) _detector = new PairDetector(stored!, _options);
    }

    /// <summary>Whose it is.</summary>
    public PairKey? Pair { get; private set; }

    /// <summary>The baseline; null while calibrating. To be stored when it changes.</summary>
    public PairBaseline? Baseline => _detector?.Baseline;

    /// <summary>What watches; null while calibrating.</summary>
    public PairDetector? Detector => _detector;

    /// <summary>Whether drift is suspected: by a hint, or by half the evidence of a verdict.</summary>
    public bool IsSuspected => _detector is not null && (_detector.IsHint || Score >= SuspectedScore);

    private double Score
    {
        get
        {
            double most = 0;
            for (int k = 0; _detector is not null && k < _kpis.Count; k++) most = Math.Max(most, _detector.Score(k));
            return most;
        }
    }

    /// <summary>Takes one sample of all KPIs; NaN where a reading is unknown.</summary>
    public void Observe(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow)
    {
        if (_detector is not null)
        {
            _detector.Observe(primary, shadow);
            return;
        }

        _learner.Add(primary, shadow);
        if (_learner.Samples < _calibrationSamples) return;
        if (_learner.Samples < _calibrationSamplesMax && _learner.IsShortOfHardware) return;
        if (_learner.Learn() is not { } baseline) return;
        _detector = new PairDetector(baseline with { Pair = Pair }, _options);
        _learner = new BaselineLearner(_kpis, _sampling, _options);
    }

    /// <summary>Begins a new calibration, for the pair that it is now; false, and nothing changes, if
    /// refused.</summary>
    public bool TryRelearn(RelearnReason reason, PairKey? pair)
    {
        if (reason == RelearnReason.Routine && IsSuspected) return false;
        Pair = pair;
        _detector = null;
        _learner = new BaselineLearner(_kpis, _sampling, _options);
        return true;
    }

    /// <summary>How the pair stands.</summary>
    public DriftReport Report()
    {
        if (_detector is not { } detector)
            return new DriftReport(DriftPhase.Calibrating, _learner.Samples, 0, false, false, []);
        DriftEvidence[] kpis =
            [.. Enumerable.Range(0, _kpis.Count).Select(detector.Evidence).OrderByDescending(static e => e.Score)];
        double score = Score;
        return new DriftReport(DriftPhase.Watching, detector.Samples, score, detector.IsHint, score >= 1, kpis);
    }
}
