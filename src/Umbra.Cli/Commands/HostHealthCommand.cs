using System.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Api;
using Umbra.Core.Health;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra host health</c>.</summary>
internal static class HostHealthCommand
{
    private const int EventsShown = 20;

    public static Command Create()
    {
        var host = new Argument<string>("HOST") { Description = "The host's name", CustomParser = Specs.ParseName };
        var all = new Option<bool>("--all") { Description = "Readings that are well, too" };
        var command = new UmbraCommand(
            "health", "The host's hardware: readers, readings, the last events",
            "host health a", "host health a --all", "host health a --output json")
        {
            host, all,
        };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            var view = await run.Client.GetAsync<HostHealthView>($"/hosts/{parsed.GetValue(host)}/health", stop)
                .ConfigureAwait(false);
            bool isAll = parsed.GetValue(all);
            return run.Show(view, shown => Render(shown, isAll));
        });
        return command;
    }

    private static IRenderable Render(HostHealthView view, bool all)
    {
        if (view.Health is not { } health)
            return Line($"the agent of {view.Host} has told nothing of its hardware since the controller started");
        if (health.Readers.Count == 0) return Line($"hardware health is turned off on {view.Host}");
        var parts = new List<IRenderable>
        {
            Line($"{view.Host}: {Summary(health)}, told {Text.Time(view.Age)} ago"), Readers(health),
        };
        var shown = health.Readings.Where(r => all || r.Reading.Level >= HealthLevel.Warning).ToList();
        if (shown.Count > 0) parts.Add(Readings(shown));
        int hidden = health.Readings.Count - shown.Count + health.Omitted;
        if (hidden > 0) parts.Add(Line($"{hidden} more readings are not shown{(all ? "" : " (--all)")}"));
        if (health.Events.Count > 0) parts.Add(Events([.. health.Events.TakeLast(EventsShown)]));
        return new Rows(parts);
    }

    private static string Summary(HostHealth health)
    {
        int Count(HealthLevel level) => health.Readings.Count(r => r.Reading.Level == level);
        int blind = health.Readers.Count(static reader => reader.State != ReaderState.Ok);
        return $"{Count(HealthLevel.Critical)} critical, {Count(HealthLevel.Warning)} warnings, "
            + $"{Count(HealthLevel.Ok)} well, {blind} of {health.Readers.Count} readers blind";
    }

    private static Table Readers(HostHealth health)
    {
        var table = Text.Table("READER", "STATE", "LOOK TOOK", "REASON");
        foreach (var reader in health.Readers)
            table.Row(reader.Name, Text.Word(reader.State), Text.Time(reader.Took), reader.Reason);
        return table;
    }

    private static Table Readings(IReadOnlyList<ReadReading> readings)
    {
        var table = Text.Table("READER", "COMPONENT", "KIND", "QUANTITY", "VALUE", "LEVEL", "DETAIL");
        foreach (var (reader, reading) in readings.OrderByDescending(static r => r.Reading.Level))
        {
            string value = reading.Value is { } number ? $"{HealthText.Format(number)} {reading.Unit}".TrimEnd() : "-";
            table.Row(
                reader, reading.Component, Text.Word(reading.Kind), reading.Quantity, value, Text.Word(reading.Level),
                reading.Detail);
        }

        return table;
    }

    /// <summary>Health events, one a line.</summary>
    public static Table Events(IReadOnlyList<HealthEvent> events)
    {
        var table = Text.Table("TIME", "HOST", "SEVERITY", "SOURCE", "EVENT");
        foreach (var happened in events)
        {
            table.Row(
                happened.Time.ToString("u"), happened.Host.Value, Text.Word(happened.Severity), happened.Source,
                happened.Message);
        }

        return table;
    }

    private static Markup Line(string text) => new(Markup.Escape(text));
}
