using Umbra.Core.Drift;

namespace Umbra.Core.Tests.Drift;

/// <summary>A pair of series with what is known of it.</summary>
/// <param name="Name">Name.</param>
/// <param name="Family">How the pair was made.</param>
/// <param name="Series">The series.</param>
/// <param name="CalibrationEnd">First watched sample.</param>
/// <param name="Kind">Kind of the injected drift; none: no drift.</param>
/// <param name="Kpi">KPI that drifts.</param>
/// <param name="Onset">First sample of the drift.</param>
internal sealed record Case(
    string Name, string Family, PairSeries Series, int CalibrationEnd, string Kind = "none", string Kpi = "",
    int Onset = int.MaxValue)
{
    /// <summary>Whether the primary drifts.</summary>
    public bool HasDrift => Onset != int.MaxValue;
}

/// <summary>
/// Counts alarms as the scorer of the paired-drift set does: in a case with drift the first alarm on its KPI from the
/// onset on is the detection, and earlier alarms are false; without drift every alarm is. Alarms of one case less than
/// 30 samples after the one before are one.
/// </summary>
internal sealed class CaseScore
{
    private const int OneAlarmSamples = 30;

    private readonly List<double> _delays = [];
    private readonly HashSet<string> _quietAlarmed = [];
    private readonly SortedDictionary<string, (int Found, int Drifts, int Alarmed, int Quiets)> _families = [];

    public int Drifts { get; private set; }

    public int Quiets { get; private set; }

    public int FalseAlarms { get; private set; }

    public long WatchedSamples { get; private set; }

    public int Found => _delays.Count;

    public int QuietsAlarmed => _quietAlarmed.Count;

    public double MedianDelay => _delays.Count == 0 ? double.NaN : RobustStatistics.Median(_delays.ToArray());

    /// <summary>For each family: found of drifts, alarmed of those without.</summary>
    public string Families => string.Join(
        "; ", _families.Select(f => $"{f.Key} {f.Value.Found}/{f.Value.Drifts}, {f.Value.Alarmed}/{f.Value.Quiets}"));

    public double FalsePer1000 => 1000.0 * FalseAlarms / Math.Max(1, WatchedSamples);

    /// <summary>Replays all cases and counts.</summary>
    public static CaseScore Of(IEnumerable<Case> cases, DriftOptions? options = null)
    {
        var score = new CaseScore();
        foreach (var item in cases.AsParallel().AsOrdered().Select(c => (Case: c, Result: Run(c, options))))
            score.Count(item.Case, item.Result);
        return score;
    }

    public override string ToString() =>
        $"found {Found} of {Drifts}, median delay {MedianDelay:0}; alarmed {QuietsAlarmed} of {Quiets} without drift; "
        + $"{FalseAlarms} false alarms, {FalsePer1000:0.00} per 1000 watched samples";

    private static ReplayResult Run(Case item, DriftOptions? options) =>
        DriftReplay.TryRun(item.Series, item.CalibrationEnd, out string error, options)
        ?? throw new InvalidOperationException($"{item.Name}: {error}");

    private void Count(Case item, ReplayResult result)
    {
        int end = item.HasDrift ? item.Onset : item.Series.Samples;
        WatchedSamples += end - item.CalibrationEnd;
        if (item.HasDrift) Drifts++;
        else Quiets++;
        int last = int.MinValue / 2;
        foreach (var alarm in result.Alarms)
        {
            int at = item.Series.SampleAt(alarm.Time);
            if (at < end)
            {
                if (at - last >= OneAlarmSamples) FalseAlarms++;
                if (!item.HasDrift) _quietAlarmed.Add(item.Name);
            }

            last = at;
        }

        var hit = result.Alarms.FirstOrDefault(
            alarm => item.Series.SampleAt(alarm.Time) >= end && alarm.Evidence.Kpi == item.Kpi);
        _families.TryGetValue(item.Family, out var family);
        _families[item.Family] = (
            family.Found + (hit is null ? 0 : 1), family.Drifts + (item.HasDrift ? 1 : 0),
            family.Alarmed + (_quietAlarmed.Contains(item.Name) ? 1 : 0), family.Quiets + (item.HasDrift ? 0 : 1));
        if (hit is not null) _delays.Add(item.Series.SampleAt(hit.Time) - item.Onset);
    }
}
