using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Cli;

/// <summary>How figures, states and tables look.</summary>
internal static class Text
{
    /// <summary>A table with these columns.</summary>
    public static Table Table(params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (string column in columns) table.AddColumn(
            new TableColumn(new Markup(Markup.Escape(column), Style.Parse("bold"))));
        return table;
    }

    /// <summary>Adds a row of plain text.</summary>
    public static void Row(this Table table, params IEnumerable<string> cells) =>
        table.AddRow([.. cells.Select(static cell => new Markup(Markup.Escape(cell)))]);

    /// <summary>A list of names and values.</summary>
    public static Grid Facts(params IEnumerable<(string Name, string Value)> facts)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
        foreach (var (name, value) in facts) grid.AddRow(
            new Markup(Markup.Escape(name), Style.Parse("bold")), new Markup(Markup.Escape(value)));
        return grid;
    }

    /// <summary>A time: <c>1.2 ms</c>, <c>3.4 s</c>, <c>5 min</c>.</summary>
    public static string Time(TimeSpan time) => time.TotalMilliseconds switch
    {
        < 1 => Format(time.TotalMilliseconds, "0.###") + " ms",
        < 1000 => Format(time.TotalMilliseconds, "0.#") + " ms",
        < 120_000 => Format(time.TotalSeconds, "0.##") + " s",
        < 7_200_000 => Format(time.TotalMinutes, "0.#") + " min",
        _ => Format(time.TotalHours, "0.#") + " h",
    };

    /// <summary>Milliseconds with two decimals.</summary>
    public static string Milliseconds(double value) => Format(value, "0.00") + " ms";

    /// <summary>How many times less went over the wire than was dirty.</summary>
    public static string Ratio(SyncStatus sync) =>
        sync.WireBytes > 0 ? Format((double)sync.RawBytes / sync.WireBytes, "0.0") + "x" : "-";

    /// <summary>A part of one as percent.</summary>
    public static string Percent(double part) => Format(part * 100, "0") + " %";

    /// <summary>A word of an enumeration as the JSON has it.</summary>
    public static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>Names in a row, or a dash.</summary>
    public static string Join<T>(IReadOnlyCollection<T> items) => items.Count == 0 ? "-" : string.Join(", ", items);

    /// <summary>Bytes for people.</summary>
    public static string Bytes(long bytes) => ByteText.Of(bytes);

    /// <summary>How an action went, phase by phase.</summary>
    public static Table Phases(VmActionResult result)
    {
        var table = Table("PHASE", "AT", "TOOK");
        foreach (var phase in result.Phases) table.Row(phase.Name, Time(phase.Start), Time(phase.Duration));
        return table;
    }

    /// <summary>What a rehearsal found.</summary>
    public static Table Checks(VmActionResult result)
    {
        var table = Table("CHECK", "HOLDS", "FOUND");
        foreach (var check in result.Checks) table.Row(check.Name, check.Holds ? "yes" : "NO", check.Detail);
        return table;
    }

    private static string Format(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
