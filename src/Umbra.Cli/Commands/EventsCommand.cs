using System.CommandLine;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra events</c>.</summary>
internal static class EventsCommand
{
    private const int PageSize = 1000;
    private const int LastShown = 50;

    public static Command Create()
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with new ones until stopped" };
        var since = new Option<long?>("--since")
        {
            Description = $"Those after this number (default: the last {LastShown})", HelpName = "N",
        };
        var command = new UmbraCommand(
            "events", "What happened in the fleet; as JSON, one event a line",
            "events", "events --follow", "events --since 120 --output json")
        {
            follow, since,
        };
        CommandRun.SetAction(command, (run, parsed, stop) =>
            RunAsync(run, parsed.GetValue(since), parsed.GetValue(follow), stop));
        return command;
    }

    private static async Task<int> RunAsync(CommandRun run, long? since, bool follow, CancellationToken stop)
    {
        long last = since ?? await LastAsync(run, stop).ConfigureAwait(false);
        long wait = follow ? (long)ApiPaths.WaitMax.TotalMilliseconds : 0;
        try
        {
            while (true)
            {
                string path = $"/events?since={last}&limit={PageSize}&wait={wait}";
                var page = await run.Client.GetAsync<EventPage>(path, stop).ConfigureAwait(false);
                foreach (var entry in page.Events) Write(run, entry);
                if (page.Events.Count > 0) last = page.Events[^1].Number;
                else if (!follow) return ExitCodes.Ok;
            }
        }
        catch (OperationCanceledException) when (follow)
        {
            return ExitCodes.Ok;
        }
    }

    private static async Task<long> LastAsync(CommandRun run, CancellationToken stop)
    {
        var page = await run.Client.GetAsync<EventPage>("/events?since=0&limit=1", stop).ConfigureAwait(false);
        return Math.Max(0, page.Newest - LastShown);
    }

    private static void Write(CommandRun run, FleetEvent entry)
    {
        if (run.IsJson)
        {
            run.WriteJsonLine(entry);
            return;
        }

        string about = string.Join(
            ' ', new[] { entry.Vm?.Value, entry.Host is { } host ? $"@{host}" : null }.OfType<string>());
        string head = $"{entry.Number,6} {entry.Time:yyyy-MM-dd HH:mm:ss.fff} {entry.Kind,-22} {about,-16}";
        run.WriteLine($"{head} {entry.Text}");
    }
}
