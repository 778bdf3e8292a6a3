namespace Umbra.Core.Drift;

/// <summary>An alarm of a replay.</summary>
/// <param name="Time">When it was raised: the newest sample that it rests on.</param>
/// <param name="OnsetTime">When the drift began, likeliest.</param>
/// <param name="Evidence">What it rests on; its samples count from the end of the calibration.</param>
public sealed record ReplayAlarm(DateTimeOffset Time, DateTimeOffset OnsetTime, DriftEvidence Evidence);

/// <summary>What a replay found.</summary>
/// <param name="Samples">Samples in all.</param>
/// <param name="CalibrationSamples">Samples that the baseline was learnt from.</param>
/// <param name="Alarms">The alarms, by time.</param>
/// <param name="End">How the pair stands after the last sample.</param>
public sealed record ReplayResult(
    int Samples, int CalibrationSamples, IReadOnlyList<ReplayAlarm> Alarms, DriftReport End);

/// <summary>
/// Feeds recorded series to the same watch that runs live, one sample after the other: an alarm at a sample rests on
/// that sample and earlier ones alone.
/// </summary>
public static class DriftReplay
{
    // A KPI that has raised an alarm raises the next one once its score has been down here.
    private const double RearmScore = 0.5;

    /// <summary>
    /// Replays <paramref name="series"/>, the first <paramref name="calibrationSamples"/> of which make the baseline;
    /// null with the reason in <paramref name="error"/> where they are too few.
    /// </summary>
    public static ReplayResult? TryRun(
        PairSeries series, int calibrationSamples, out string error, DriftOptions? options = null)
    {
        error = $"{calibrationSamples} calibration samples of {series.Samples}: at least {BaselineLearner.SamplesMin} "
            + "are wanted, and some after them";
        if (calibrationSamples < BaselineLearner.SamplesMin || calibrationSamples >= series.Samples) return null;
        int used = Math.Min(calibrationSamples, BaselineLearner.SamplesMax);
        var watch = new DriftWatch(null, series.Kpis, series.Sampling, used, stored: null, options);
        bool[] raised = new bool[series.Kpis.Count];
        var alarms = new List<ReplayAlarm>();
        for (int i = calibrationSamples - used; i < series.Samples; i++)
        {
            int first = i * series.Kpis.Count;
            watch.Observe(
                series.Primary.AsSpan(first, series.Kpis.Count), series.Shadow.AsSpan(first, series.Kpis.Count));
            for (int k = 0; watch.Detector is { } detector && k < raised.Length; k++)
            {
                double score = detector.Score(k);
                if (score < RearmScore) raised[k] = false;
                if (score < 1 || raised[k]) continue;
                raised[k] = true;
                var evidence = detector.Evidence(k);
                var onset = series.TimeOf(calibrationSamples + evidence.OnsetSample);
                alarms.Add(new ReplayAlarm(series.TimeOf(i), onset, evidence));
            }
        }

        error = "";
        return new ReplayResult(series.Samples, calibrationSamples, alarms, watch.Report());
    }
}
