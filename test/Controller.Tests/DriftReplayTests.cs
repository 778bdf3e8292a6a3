using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Umbra.Cli;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary><c>umbra drift replay</c> on series that the tests make: no controller is needed.</summary>
public sealed class DriftReplayTests : IDisposable
{
    private const int Samples = 1000;
    private const int Calibration = 400;
    private const int Onset = 700;

    private static readonly DateTimeOffset Start = new(2026, 1, 2, 0, 0, 0, TimeSpan.Zero);

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task A_pair_whose_primary_gets_slower_raises_an_alarm_on_that_KPI_after_the_onset()
    {
        await using var run = CliRun.WithoutController();
        string[] pair = ["drift", "replay", "--pair", Series("primary.csv", 1.6), Series("shadow.csv", 1)];
        Assert.Contains("disk.latency", await run.OkAsync(pair));
        using var json = JsonDocument.Parse(await run.OkAsync([.. pair, "--output", "json"]));
        Assert.Equal(Samples, json.RootElement.GetProperty("samples").GetInt32());
        var alarm = json.RootElement.GetProperty("alarms")[0];
        Assert.Equal("disk.latency", alarm.GetProperty("evidence").GetProperty("kpi").GetString());
        Assert.InRange(alarm.GetProperty("time").GetDateTimeOffset(), At(Onset), At(Onset + 120));
    }

    [Fact]
    public async Task A_pair_without_drift_raises_none()
    {
        await using var run = CliRun.WithoutController();
        using var json = JsonDocument.Parse(await run.OkAsync(
            "drift", "replay", "--pair", Series("primary.csv", 1), Series("shadow.csv", 1), "--output", "json"));
        Assert.Equal(0, json.RootElement.GetProperty("alarms").GetArrayLength());
    }

    [Fact]
    public async Task A_set_of_cases_becomes_a_file_of_alarms()
    {
        await using var run = CliRun.WithoutController();
        Case("c1", 1.6);
        Case("c2", 1);
        File.WriteAllText(_directory.File("index.json"), $$"""
            [{"case":"c1","sampling_seconds":60,"calibration_end":"{{At(Calibration):O}}"},
             {"case":"c2","sampling_seconds":60,"calibration_end":"{{At(Calibration):O}}"}]
            """);
        string alarms = _directory.File("alarms.csv");
        Assert.Contains("2 cases", await run.OkAsync(
            "drift", "replay", "--cases", Path.GetDirectoryName(alarms)!, "--out", alarms));
        string[] lines = await File.ReadAllLinesAsync(alarms, TestContext.Current.CancellationToken);
        Assert.Equal("case,time,kpi,kind", lines[0]);
        Assert.All(lines[1..], static line => Assert.StartsWith("c1,", line));
        Assert.Contains(lines, static line => line.Contains("disk.latency", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Files_that_are_none_of_this_are_told_with_what_is_wrong()
    {
        await using var run = CliRun.WithoutController();
        string bad = _directory.File("bad.csv");
        File.WriteAllText(bad, "time,disk.latency\n2026-01-01T00:00:00Z,many\n");
        var result = await run.RunAsync("drift", "replay", "--pair", bad, bad);
        Assert.Equal(ExitCodes.Usage, result.Code);
        Assert.Contains("many", result.Errors);
        result = await run.RunAsync("drift", "replay", "--pair", bad, _directory.File("none.csv"));
        Assert.NotEqual(ExitCodes.Ok, result.Code);
        result = await run.RunAsync("drift", "replay");
        Assert.Equal(ExitCodes.Usage, result.Code);
    }

    public void Dispose() => _directory.Dispose();

    private static DateTimeOffset At(int sample) => Start.AddMinutes(sample);

    private string Series(string name, double factor)
    {
        var random = new Random(name.Length);
        var text = new StringBuilder("time,disk.latency,cpu.work\n");
        for (int i = 0; i < Samples; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{At(i):O},{Reading(random, i, factor):0.0000},")
                .Append(CultureInfo.InvariantCulture, $"{50 * Noise(random):0.0000}\n");
        }

        string path = _directory.File(name);
        File.WriteAllText(path, text.ToString());
        return path;
    }

    private void Case(string name, double factor)
    {
        var random = new Random(7);
        using var zipped = new GZipStream(File.Create(_directory.File(name + ".csv.gz")), CompressionLevel.Fastest);
        using var text = new StreamWriter(zipped);
        text.WriteLine("time,kpi,primary,shadow");
        for (int i = 0; i < Samples; i++)
        {
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{At(i):O},disk.latency,{Reading(random, i, factor):0.0000},{Reading(random, i, 1):0.0000}"));
        }
    }

    private static double Reading(Random random, int sample, double factor) =>
        2 * (sample >= Onset ? factor : 1) * Noise(random);

    private static double Noise(Random random) => Math.Exp(0.1 * (random.NextDouble() + random.NextDouble() - 1));
}
