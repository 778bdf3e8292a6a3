using System.Text;

namespace Umbra.Core.Diagnosis;

/// <summary>The last minutes of one KPI of one side.</summary>
/// <param name="Kpi">Its name.</param>
/// <param name="Side">Whose.</param>
/// <param name="Low">Smallest value drawn; null: none is known.</param>
/// <param name="High">Largest one.</param>
/// <param name="Line">
/// Blocks from the lower to the higher, oldest first, a dot where nothing is known; <c>!</c> before the onset.
/// </param>
public sealed record KpiLine(string Kpi, string Side, double? Low, double? High, string Line);

/// <summary>The last minutes of KPIs in a line each, for people's eyes.</summary>
public static class KpiCourse
{
    /// <summary>Most blocks of a line; each is the median of as many seconds as that takes.</summary>
    public const int LineMax = 60;

    private const string Blocks = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";

    private const char Unknown = '.';

    /// <summary>Both sides of each KPI; the two lines of one have the same scale.</summary>
    public static IEnumerable<KpiLine> Of(DiagnosisRecord record)
    {
        if (record.KpiSeries is not { Moments.Count: > 0 } series) yield break;
        var from = series.Moments[0].Ago;
        var drifting = SuspectRanking.Against(record.Drift).ToList();
        var step = TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling((from.TotalSeconds + 1) / LineMax)));
        foreach (string kpi in series.Kpis)
        {
            var began = record.Decided - drifting.Find(one => one.Kpi == kpi)?.Onset;
            var values = series.Of(kpi).ToList();
            double?[] primary = Medians(values.Select(static one => (one.Ago, one.Primary)), from, step);
            double?[] shadow = Medians(values.Select(static one => (one.Ago, one.Shadow)), from, step);
            var (low, high) = (primary.Concat(shadow).Min(), primary.Concat(shadow).Max());
            int? mark = began <= from ? (int)((from - began.Value) / step) : null;
            yield return new KpiLine(kpi, "old host", primary.Min(), primary.Max(), Draw(primary, low, high, mark));
            yield return new KpiLine(kpi, "new host", shadow.Min(), shadow.Max(), Draw(shadow, low, high, mark));
        }
    }

    /// <summary>The whole as a table.</summary>
    internal static void Write(DiagnosisRecord record, Action<string[], IEnumerable<string[]>> table) => table(
        ["KPI", "of", "from", "to", "course"],
        Of(record).Select(static one => new[]
        {
            one.Kpi, one.Side, EmptyHostRule.Text(one.Low, one.Kpi), EmptyHostRule.Text(one.High, one.Kpi), one.Line,
        }));

    private static double?[] Medians(IEnumerable<(TimeSpan Ago, float? Value)> values, TimeSpan from, TimeSpan step)
    {
        var medians = new double?[(int)(from / step) + 1];
        foreach (var group in values.Where(static one => one.Value is not null)
            .GroupBy(one => (int)((from - one.Ago) / step)))
        {
            var sorted = group.Select(static one => (double)one.Value!.Value).Order().ToList();
            medians[Math.Clamp(group.Key, 0, medians.Length - 1)] = sorted[sorted.Count / 2];
        }

        return medians;
    }

    private static string Draw(double?[] values, double? low, double? high, int? mark)
    {
        var line = new StringBuilder();
        for (int i = 0; i < values.Length; i++)
        {
            if (i == mark) line.Append('!');
            if (values[i] is not { } value) line.Append(Unknown);
            else if (high > low) line.Append(Blocks[(int)((value - low!.Value) / (high.Value - low.Value) * 7.99)]);
            else line.Append(Blocks[0]);
        }

        return line.ToString();
    }
}
