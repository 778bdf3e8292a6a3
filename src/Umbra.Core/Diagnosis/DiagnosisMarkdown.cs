using System.Globalization;
using System.Text;
using Umbra.Core.Api;
using Umbra.Core.Health;

namespace Umbra.Core.Diagnosis;

/// <summary>The report of a diagnosis as Markdown, for a ticket or a mail.</summary>
public static class DiagnosisMarkdown
{
    private const string None = "None.";

    /// <summary>The whole report.</summary>
    public static string Of(DiagnosisRecord record)
    {
        var text = new StringBuilder();
        Line(text, $"# Diagnosis of {record.OldHost}");
        Line(text, $"{Conclusion(record)}");
        Line(text, $"**Next step:** {Escape(record.NextStep)}");
        Table(text, "Course", ["what", "value"], Course(record));
        Table(text, "Candidates", ["part", "family", "confidence", "onset", "what speaks against it"],
            record.Candidates.Select(static c => new[]
            {
                c.Component, $"{c.Family}", Number(c.Confidence), Time(c.Onset), c.Reason,
            }));
        Table(text, "Evidence", ["time", "source", "what"],
            record.Evidence.Select(static e => new[] { Time(e.Time), e.Source, e.Text }));
        Table(text, "The host after the VM had left", ["KPI", "usual", "in the drift", "now", "looks", "reading"],
            record.Comparisons.Select(one => Compared(one, record.Examination)));
        if (Examined(record) is { Length: > 0 } examined) Line(text, Escape(examined));
        Table(text, "Drift at the decision", ["KPI", "score", "against", "form", "onset", "change"],
            (record.Drift?.Kpis ?? []).Select(static k => new[]
            {
                k.Kpi, Number(k.Score), $"{k.Side}", k.Form is { } form ? $"{form}" : "-", Time(k.Onset),
                string.Create(CultureInfo.InvariantCulture, $"{k.Change * 100:+0.#;-0.#;0} %"),
            }));
        KpiCourse.Write(record, (columns, rows) => Table(text, "KPIs before the decision", columns, rows));
        Table(text, "Suspicion before the decision", ["seconds before", "old host", "new host"],
            Thinned(record.History).Select(static m => new[]
            {
                m.Ago.TotalSeconds.ToString("0", CultureInfo.InvariantCulture), Number(m.Primary), Number(m.Shadow),
            }));
        Table(text, "Readings that are not well", ["reader", "part", "quantity", "value", "level"],
            record.Readings.Select(static r => new[]
            {
                r.Reader, r.Reading.Component, r.Reading.Quantity,
                r.Reading.Value is { } v ? $"{HealthText.Format(v)} {r.Reading.Unit}".TrimEnd() : r.Reading.Detail,
                $"{r.Reading.Level}",
            }));
        Table(text, "Readers", ["reader", "state", "reason"],
            record.Readers.Select(static r => new[] { r.Name, $"{r.State}", r.Reason }));
        Line(text, $"Memory scrub: {Escape(record.MemoryScrub)}.");
        return text.ToString().TrimEnd() + "\n";
    }

    /// <summary>How the examination went, or why there was none; empty: it is not over.</summary>
    public static string Examined(DiagnosisRecord record) => record.Examination is { } done
        ? $"Canaries run from {Time(done.Began)} to {Time(done.Ended)}; other VMs and shadows on {record.OldHost} "
            + $"then: {done.OthersThere}."
        : record.ExaminationReason == "" ? "" : $"The canaries were not run again: {record.ExaminationReason}.";

    private static string[] Compared(KpiComparison one, Examination? examination)
    {
        var found = examination?.Kpis.FirstOrDefault(kpi => kpi.Kpi == one.Kpi);
        return
        [
            one.Kpi, EmptyHostRule.Text(one.Usual, one.Kpi), EmptyHostRule.Text(one.During, one.Kpi),
            EmptyHostRule.Text(one.After, one.Kpi), $"{found?.Looks ?? 0}", one.Reading,
        ];
    }

    private static string Conclusion(DiagnosisRecord record) => record.Suspect is { } suspect
        ? $"**Suspect:** {Escape(suspect.Component)} ({suspect.Family}), confidence {Number(suspect.Confidence)} of 1, "
            + "the unknown cause included."
        : "**Suspect:** none; nothing speaks against any part.";

    private static IEnumerable<string[]> Course(DiagnosisRecord record) =>
    [
        ["id", record.Id], ["VM", record.Vm.Value], ["old host", record.OldHost.Value],
        ["new host", record.NewHost?.Value ?? "-"], ["state", $"{record.State}"], ["onset", Time(record.Onset)],
        ["decided", Time(record.Decided)], ["swap ended", Time(record.SwapEnded)],
        ["report completed", Time(record.Completed)], ["reason", record.Reason],
        ["swap", record.SwapResult == "" ? "-" : record.SwapResult],
    ];

    // One line for each ten seconds is enough to see the rise.
    private static IEnumerable<SuspicionMoment> Thinned(IReadOnlyList<SuspicionMoment> history) =>
        history.Where((_, i) => (history.Count - 1 - i) % 10 == 0);

    private static void Table(StringBuilder text, string title, string[] columns, IEnumerable<string[]> rows)
    {
        Line(text, $"## {title}");
        var all = rows.ToList();
        if (all.Count == 0)
        {
            Line(text, None);
            return;
        }

        Row(text, columns);
        Row(text, [.. columns.Select(static _ => "---")]);
        foreach (string[] row in all) Row(text, row);
        text.Append('\n');
    }

    private static void Row(StringBuilder text, string[] cells) =>
        text.Append("| ").AppendJoin(" | ", cells.Select(Escape)).Append(" |\n");

    private static void Line(StringBuilder text, string line) => text.Append(line).Append("\n\n");

    // What sensors and kernels say is text of others: it must not become markup or end the table.
    private static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            if (c is '|' or '<' or '`' or '*' or '[' or '\\') escaped.Append('\\');
            escaped.Append(char.IsControl(c) ? ' ' : c);
        }

        return escaped.ToString();
    }

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "-";
}
