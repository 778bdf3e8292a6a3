using System.Globalization;
using System.Text;

namespace Umbra.Bench;

/// <summary>A report as a table for people: a line per case, a column per figure.</summary>
public static class ReportTable
{
    /// <summary>Draws it.</summary>
    public static string Draw(BenchReport report)
    {
        string[] columns = [.. report.Cases.SelectMany(one => one.Figures.Keys).Distinct()];
        int nameWidth = Math.Max(4, report.Cases.Max(one => one.Name.Length));
        var text = new StringBuilder();
        text.Append("case".PadRight(nameWidth));
        foreach (string column in columns) text.Append("  ").Append(column);
        text.AppendLine();
        foreach (BenchCase one in report.Cases)
        {
            text.Append(one.Name.PadRight(nameWidth));
            foreach (string column in columns)
                text.Append("  ").Append(Cell(one.Figures, column).PadLeft(column.Length));
            text.AppendLine(one.Note.Length > 0 ? "  " + one.Note : "");
        }

        text.Append(CultureInfo.InvariantCulture, $"load of the machine before: {report.MachineLoadBefore}");
        return text.ToString();
    }

    private static string Cell(IReadOnlyDictionary<string, double?> figures, string column) =>
        !figures.TryGetValue(column, out double? value) ? ""
        : value is null ? "-"
        : value.Value.ToString("0.###", CultureInfo.InvariantCulture);
}
