using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Api;
using Umbra.Core.Sensors;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra drift show</c>: the last minutes of a VM's suspicion as a chart.</summary>
internal static class DriftShowCommand
{
    private const int ChartWidth = 60;
    private const string Levels = " ▁▂▃▄▅▆▇█";

    public static Command Create()
    {
        var command = new UmbraCommand(
            "show", "The drift of a VM's pair: a chart of the last minutes, and every KPI",
            "drift show web", "drift show web --output json")
        {
            VmArgument.Required,
        };
        CommandRun.SetAction(command, static async (run, parsed, stop) => run.Show(
            await ExplainCommand.GetAsync(run, parsed.GetValue(VmArgument.Required)!, stop).ConfigureAwait(false),
            Render));
        return command;
    }

    /// <summary>The KPIs, those with the highest scores first.</summary>
    public static Table Kpis(DriftStatus drift, int most)
    {
        var table = Text.Table("KPI", "SCORE", "HINT", "AGAINST", "CHANGE", "SINCE", "WHY");
        foreach (var kpi in drift.Kpis.Take(most))
        {
            table.Row(
                kpi.Kpi, kpi.Score.ToString("0.00", CultureInfo.InvariantCulture), kpi.Hint ? "yes" : "-",
                kpi.Form is null ? "-" : Text.Word(kpi.Side),
                kpi.Form is null ? "-" : kpi.Change.ToString("+0 %;-0 %;0 %", CultureInfo.InvariantCulture),
                kpi.Onset?.ToString("u") ?? "-", kpi.Explanation);
        }

        return table;
    }

    /// <summary>
    /// Values from 0 to <paramref name="top"/> as a line of blocks, the newest at the right; several values that share
    /// a block show their largest.
    /// </summary>
    internal static string Chart(IReadOnlyList<double> values, double top)
    {
        int width = Math.Min(ChartWidth, values.Count);
        var line = new char[width];
        for (int i = 0; i < width; i++)
        {
            int first = i * values.Count / width;
            int last = Math.Max(first + 1, (i + 1) * values.Count / width);
            double most = 0;
            for (int j = first; j < last; j++) most = Math.Max(most, values[j]);
            double share = top > 0 ? Math.Clamp(most / top, 0, 1) : 0;
            line[i] = Levels[(int)Math.Ceiling(share * (Levels.Length - 1))];
        }

        return new string(line);
    }

    /// <summary>The learnt baseline: what each KPI is on both hosts when nothing is wrong.</summary>
    internal static Table Baseline(DriftStatus drift)
    {
        var table = Text.Table("KPI", "UNIT", "USUAL ON THE PRIMARY", "USUAL ON THE SHADOW");
        foreach (var kpi in drift.Kpis.OrderBy(static kpi => kpi.Kpi, StringComparer.Ordinal))
            table.Row(kpi.Kpi, KpiNames.Unit(kpi.Kpi), Range(kpi.PrimaryUsual), Range(kpi.ShadowUsual));
        return table;

        static string Range(UsualRange? usual) => usual is null
            ? "-"
            : string.Create(
                CultureInfo.InvariantCulture, $"{usual.Median:G4} ({usual.Low:G4} to {usual.High:G4})");
    }

    private static IRenderable Render(DecisionView view)
    {
        var parts = new List<IRenderable> { Chart(view) };
        parts.AddRange(view.Drift switch
        {
            null => [Line("nothing is heard of the drift watch (it is at the shadow's agent)")],
            { Kpis.Count: 0 } drift => [Line($"{Text.Word(drift.State)}: {drift.Reason}")],
            { } drift => new IRenderable[] { Kpis(drift, drift.Kpis.Count), Baseline(drift) },
        });
        return new Rows(parts);
    }

    private static IRenderable Chart(DecisionView view)
    {
        if (view.History.Count == 0) return Line($"{view.Vm}: nothing was recorded yet");
        var history = view.History;
        double intervalTop = history.Max(static moment => moment.Interval.TotalMilliseconds);
        return Text.Facts(
        [
            ("vm", $"{view.Vm}, the last {Text.Time(history[0].Ago)}; the newest at the right"),
            ($"primary {view.Primary.Host}", Row(moment => moment.Primary, 1, "a verdict")),
            ($"shadow {view.Shadow?.Host.Value ?? "-"}", Row(moment => moment.Shadow, 1, "a verdict")),
            ("sync interval", Row(
                moment => moment.Interval.TotalMilliseconds, intervalTop,
                Text.Time(TimeSpan.FromMilliseconds(intervalTop)))),
            ("decision", $"{Text.Word(view.Step)}: {view.Reason}"),
        ]);

        string Row(Func<SuspicionMoment, double> value, double top, string topName) =>
            $"|{Chart([.. history.Select(value)], top)}| full is {topName}";
    }

    private static Markup Line(string text) => new(Markup.Escape(text));
}
