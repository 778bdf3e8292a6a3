using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Umbra.Bench.Compare;

/// <summary>How one of QEMU's own migrations went.</summary>
/// <param name="TotalMs">From the command to its end.</param>
/// <param name="DowntimeMs">Time that no guest ran, as QEMU says.</param>
/// <param name="Bytes">Bytes of RAM and devices sent.</param>
internal sealed record MigrationFigures(double TotalMs, double DowntimeMs, long Bytes);

/// <summary>QEMU's migrations, driven by QMP.</summary>
internal static class Migration
{
    /// <summary>Runs one to its end; an <see cref="IOException"/> with what QEMU says when it fails.</summary>
    public static async Task<MigrationFigures> RunAsync(PlainQemu source, string uri, TimeSpan limit)
    {
        long start = Stopwatch.GetTimestamp();
        await source.RunAsync("migrate", new JsonObject { ["uri"] = uri });
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (true)
        {
            JsonElement state = await source.RunAsync("query-migrate");
            string status = state.TryGetProperty("status", out JsonElement text) ? text.GetString()! : "none";
            if (status == "completed") return Read(state, Stopwatch.GetElapsedTime(start));
            if (status is "failed" or "cancelled" or "colo")
                throw new IOException($"migration {status}: {Text(state, "error-desc")}");
            if (Stopwatch.GetElapsedTime(start) > limit)
                throw new IOException($"did not end within {limit.TotalSeconds:0} s (status {status})");
            await timer.WaitForNextTickAsync();
        }
    }

    private static MigrationFigures Read(JsonElement state, TimeSpan took) => new(
        took.TotalMilliseconds,
        state.TryGetProperty("downtime", out JsonElement downtime) ? downtime.GetDouble() : 0,
        state.TryGetProperty("ram", out JsonElement ram) ? ram.GetProperty("transferred").GetInt64() : 0);

    private static string Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";
}
