using Umbra.Core.Api;
using Umbra.Core.Sensors;

namespace Umbra.Core.Drift;

/// <summary>
/// The drift watch of one living pair: takes its KPIs second by second, learns the baseline, then weighs. Pure.
/// </summary>
public sealed class LiveDrift
{
    /// <summary>Time between samples.</summary>
    public static readonly TimeSpan Sampling = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Seconds of calibration unless somebody says otherwise: longer than most of a host's own rhythms.
    /// </summary>
    public const int CalibrationDefault = 900;

    /// <summary>
    /// Fewest seconds of calibration: as many known readings as a KPI needs to be judged, and some seconds more, since
    /// the first ones of a sensor are unknown.
    /// </summary>
    public const int CalibrationMin = BaselineLearner.SamplesMin + 15;

    private static readonly string[] Kpis = [.. KpiNames.Compared];

    private readonly DriftWatch _watch;
    private readonly int _calibration;
    private readonly double[] _primary = new double[Kpis.Length];
    private readonly double[] _shadow = new double[Kpis.Length];
    private SideMeter[] _sides = [];

    /// <summary>Watches by <paramref name="stored"/> where it is of this pair, or learns a baseline first.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="calibration">Samples to learn from.</param>
    /// <param name="stored">A baseline that was kept; null: none.</param>
    public LiveDrift(PairKey pair, int calibration, PairBaseline? stored)
    {
        _calibration = Math.Clamp(calibration, CalibrationMin, BaselineLearner.SamplesMax);
        _watch = new DriftWatch(pair, Kpis, Sampling, _calibration, stored, waitsForHardware: true);
        MeetBaseline();
    }

    /// <summary>The baseline; null while it is learnt. To be kept when it has come.</summary>
    public PairBaseline? Baseline => _watch.Baseline;

    /// <summary>Takes one second of the pair; a side without a reading is unknown, never zero.</summary>
    public void On(KpiPair pair)
    {
        Fill(pair.Primary, _primary);
        Fill(pair.Shadow, _shadow);
        _watch.Observe(_primary, _shadow);
        if (_sides.Length == 0) MeetBaseline();
        for (int k = 0; k < _sides.Length; k++) _sides[k].Push(_primary[k], _shadow[k]);
    }

    /// <summary>How the pair stands.</summary>
    /// <param name="now">UTC, for onsets.</param>
    public DriftStatus Status(DateTimeOffset now)
    {
        var report = _watch.Report();
        if (report.Phase == DriftPhase.Calibrating)
        {
            return new DriftStatus
            {
                State = DriftWatchState.Learning,
                Reason = report.Samples < _calibration
                    ? $"learning what the pair looks like: {report.Samples} of {_calibration} seconds"
                    : $"learning what the pair looks like, {report.Samples} seconds so far: "
                        + "a sensor of the hardware has answered too seldom to be judged later",
                Progress = Math.Min(1, (double)report.Samples / _calibration),
            };
        }

        return new DriftStatus
        {
            State = DriftWatchState.Watching,
            Reason = $"every second is weighed; {report.Kpis.Count(static kpi => kpi.IsJudged)} of {Kpis.Length} KPIs"
                + string.Concat(report.Kpis
                    .Where(static kpi => !kpi.IsJudged && KpiSense.IsHardware(kpi.Kpi))
                    .Select(static kpi => $"; {kpi.Kpi} is {kpi.Explanation}")),
            Progress = 1,
            Kpis = [.. report.Kpis.Where(static kpi => kpi.IsJudged).Select(kpi => Describe(kpi, report.Samples, now))],
        };
    }

    private KpiDrift Describe(DriftEvidence evidence, long samples, DateTimeOffset now)
    {
        bool hardware = KpiSense.IsHardware(evidence.Kpi);
        bool drifts = evidence.Score > 0 || evidence.Hint >= 1;
        int index = Array.IndexOf(Kpis, evidence.Kpi);
        return new KpiDrift
        {
            Kpi = evidence.Kpi,
            Score = evidence.Score,
            Hint = evidence.Hint >= 1,
            Form = drifts ? evidence.Form : null,
            Side = drifts && hardware ? _sides[index].Against(evidence.Form) : DriftSide.Neither,
            Onset = drifts ? now - (Sampling * Math.Max(0, samples - evidence.OnsetSample)) : null,
            Change = double.IsFinite(evidence.Change) ? evidence.Change : 0,
            Explanation = evidence.Explanation,
            PrimaryUsual = _watch.Baseline?.Kpis[index].Primary?.Usual,
            ShadowUsual = _watch.Baseline?.Kpis[index].Shadow?.Usual,
        };
    }

    private void MeetBaseline()
    {
        if (_watch.Baseline is { } baseline) _sides = [.. baseline.Kpis.Select(static kpi => new SideMeter(kpi))];
    }

    private static void Fill(KpiSet? set, double[] values)
    {
        Array.Fill(values, double.NaN);
        foreach (var sample in set?.Samples ?? [])
        {
            int index = Array.IndexOf(Kpis, sample.Kpi);
            if (index >= 0 && sample.Value is { } value) values[index] = value;
        }
    }
}
