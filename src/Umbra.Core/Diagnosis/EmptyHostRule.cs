using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Drift;
using Umbra.Core.Health;
using Umbra.Core.Sensors;

namespace Umbra.Core.Diagnosis;

/// <summary>
/// Compares the canaries on the host that a VM has left with what they were there before: with the range that was usual
/// while the pair's baseline was learnt, and with the time of the drift.
/// </summary>
/// <remarks>
/// Worse than usual: the median is above the range's upper end, where one reading of 200 is by chance and hardly ever
/// the median of ten. A KPI that drifted is still worse also when its median is at least half way from the usual one
/// to that of the drift, since a drift can be found well within the range. Where only spread or spikes drifted, ten
/// looks without one are too few to say that it is as usual. The range was learnt with the VM running: a host without
/// it can look better than usual, and one whose clock sleeps when idle worse.
/// </remarks>
public static class EmptyHostRule
{
    /// <summary>Fewest looks that say anything: as many as make chance no explanation of their median.</summary>
    public const int LooksMin = 5;

    /// <summary>What the canaries say, in the order of the KPIs' names; empty: there was no examination.</summary>
    public static IReadOnlyList<KpiComparison> Compare(DiagnosisRecord record)
    {
        if (record.Examination is not { } examination) return [];
        var drifting = SuspectRanking.Against(record.Drift).DistinctBy(static kpi => kpi.Kpi)
            .ToDictionary(static kpi => kpi.Kpi);
        return
        [
            .. from kpi in KpiHistory.Kpis
               let after = examination.Kpis.FirstOrDefault(one => one.Kpi == kpi)
               let drift = drifting.GetValueOrDefault(kpi)
               where after is not null || drift is not null
               select Compare(record, kpi, after, drift),
        ];
    }

    private static KpiComparison Compare(DiagnosisRecord record, string kpi, ExaminedKpi? after, KpiDrift? drift)
    {
        var usual = record.Drift?.Kpis.FirstOrDefault(one => one.Kpi == kpi)?.PrimaryUsual;
        double? during = drift is null ? null : DuringOf(record, drift);
        var (finding, why) = Judge(usual, during, after, drift);
        return new KpiComparison
        {
            Kpi = kpi,
            Drifted = drift is not null,
            Usual = usual,
            During = during,
            After = after?.Median,
            Finding = finding,
            Reading = finding switch
            {
                EmptyHostFinding.StillWorse => "still worse on the empty host: the host itself",
                EmptyHostFinding.AsUsual when drift is not null =>
                    "as usual again: the cause left with the VM or was load",
                EmptyHostFinding.AsUsual => "as usual",
                EmptyHostFinding.WorseOnlyNow => "worse than usual, though it did not drift before",
                _ => why,
            },
        };
    }

    private static (EmptyHostFinding Finding, string Why) Judge(
        UsualRange? usual, double? during, ExaminedKpi? after, KpiDrift? drift)
    {
        if (after is null) return (EmptyHostFinding.Unclear, "not measured: it takes the pair's two hosts");
        if (after.Median is not { } median) return (EmptyHostFinding.Unclear, $"not measured: {after.Reason}");
        if (after.Looks < LooksMin) return (EmptyHostFinding.Unclear, $"only {after.Looks} looks had a value");
        if (usual is null) return (EmptyHostFinding.Unclear, "what is usual there was not learnt");
        if (drift is null)
            return (median > usual.High ? EmptyHostFinding.WorseOnlyNow : EmptyHostFinding.AsUsual, "");
        bool nearDrift = during > usual.Median && median >= usual.Median + ((during - usual.Median) / 2);
        if (median > usual.High || nearDrift) return (EmptyHostFinding.StillWorse, "");
        bool onlyNow = drift.Form is DriftForm.Spread or DriftForm.Spikes && !(during > usual.High);
        return onlyNow
            ? (EmptyHostFinding.Unclear, "as usual, but so few looks cannot rule out single bad ones")
            : (EmptyHostFinding.AsUsual, "");
    }

    // Since its onset, or of the last second that was told where nobody kept the time since.
    private static double? DuringOf(DiagnosisRecord record, KpiDrift drift)
    {
        var span = record.Decided - (drift.Onset ?? record.Decided);
        var values = (record.KpiSeries?.Of(drift.Kpi) ?? [])
            .Where(moment => moment.Ago <= span && moment.Primary is not null)
            .Select(static moment => (double)moment.Primary!.Value).Order().ToList();
        return values.Count > 0
            ? values[values.Count / 2]
            : record.Kpis?.Primary.FirstOrDefault(sample => sample.Kpi == drift.Kpi)?.Value;
    }

    /// <summary>A value with its unit, for people; a dash where there is none.</summary>
    public static string Text(double? value, string kpi) => value is { } known
        ? $"{Digits(known)} {KpiNames.Unit(kpi)}".TrimEnd()
        : "-";

    /// <summary>The usual range, for people; a dash where none is known.</summary>
    public static string Text(UsualRange? usual, string kpi) => usual is null
        ? "-"
        : $"{Digits(usual.Low)} to {Text(usual.High, kpi)}";

    // Decimals of a large number say nothing.
    private static string Digits(double value) => HealthText.Format(value >= 100 ? Math.Round(value) : value);

    /// <summary>The comparison in a sentence.</summary>
    internal static string Describe(KpiComparison one) => string.Create(
        CultureInfo.InvariantCulture,
        $"{one.Kpi}: usual {Text(one.Usual, one.Kpi)}, in the drift {Text(one.During, one.Kpi)}, "
        + $"after the VM had left {Text(one.After, one.Kpi)}: {one.Reading}");
}
