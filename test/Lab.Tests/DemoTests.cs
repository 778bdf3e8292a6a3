using System.Text.Json;
using Umbra.Demo;
using Xunit;

namespace Umbra.Lab.Tests;

/// <summary>What the demo says about itself.</summary>
public sealed class DemoTests
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    [Fact]
    public void A_statement_that_could_not_be_measured_makes_the_demo_false()
    {
        var report = new DemoReport();
        Assert.False(report.Ok);
        report.Checks.Add(new Check("a", true, ""));
        Assert.True(report.Ok);
        report.Checks.Add(new Check("b", null, ""));
        Assert.False(report.Ok);
    }

    [Fact]
    public void The_report_has_its_names_also_before_anything_is_measured()
    {
        JsonElement json = JsonSerializer.SerializeToElement(new DemoReport(), Web);
        string[] names =
        [
            "epochs", "intervalMs", "pauseMs", "pausePhasesMs", "rawBytes", "wireBytes", "seedSeconds", "blackoutMs",
            "decisionToRunningMs", "clientGapMs", "tcpKept", "ramVerified", "diskVerified", "shadowEqualsEpoch",
        ];
        Assert.All(names, name => Assert.Equal(JsonValueKind.Null, json.GetProperty(name).ValueKind));
    }

    [Fact]
    public void The_pause_is_reported_whole_and_by_phase()
    {
        var report = new DemoReport
        {
            PauseMs = new PauseFigures(1, 2, 3, 9),
            PausePhasesMs = new PausePhases(4, 5, 6, 7),
        };
        JsonElement json = JsonSerializer.SerializeToElement(report, Web);
        Assert.Equal("""{"mean":1,"p50":2,"p99":3,"epochs":9}""", json.GetProperty("pauseMs").GetRawText());
        Assert.Equal(
            """{"stop":4,"scanCopy":5,"deviceState":6,"cont":7}""", json.GetProperty("pausePhasesMs").GetRawText());
    }

    [Theory]
    [InlineData("--epochs 7 --interval 50 --keep", 7, 50, true)]
    [InlineData("", 200, 100, false)]
    public void Options_are_read(string line, int epochs, int intervalMs, bool keep)
    {
        DemoOptions options = DemoOptions.TryParse(Words(line))!;
        Assert.Equal(epochs, options.Epochs);
        Assert.Equal(intervalMs, options.Interval.TotalMilliseconds);
        Assert.Equal(keep, options.Keep);
    }

    [Fact]
    public void A_degradation_has_room_for_its_interval_to_fall()
    {
        DemoOptions options = DemoOptions.TryParse(Words("--degrade none-but-busy --calibrate 70"))!;
        Assert.Equal(DegradeKind.NoneButBusy, options.Degrade);
        Assert.Equal(70, options.CalibrationSeconds);
        Assert.Equal(1000, options.Interval.TotalMilliseconds);
    }

    [Theory]
    [InlineData(DegradeKind.Cpu, "cpu.work", true)]
    [InlineData(DegradeKind.Cpu, "disk.flush", false)]
    [InlineData(DegradeKind.Disk, "disk.flush", true)]
    [InlineData(DegradeKind.Net, "net.loss", true)]
    [InlineData(DegradeKind.Memory, "memory.latency", true)]
    [InlineData(DegradeKind.Memory, "cpu.wait", false)]
    [InlineData(DegradeKind.Bmc, "FAN1", true)]
    public void Only_what_was_degraded_is_the_right_component(DegradeKind kind, string name, bool fits) =>
        Assert.Equal(fits, kind.Fits(name));

    [Theory]
    [InlineData("--degrade")]
    [InlineData("--degrade everything")]
    [InlineData("--epochs")]
    [InlineData("--epochs 0")]
    [InlineData("--epochs many")]
    [InlineData("--unknown")]
    public void Options_that_are_not_understood_are_refused(string line) =>
        Assert.Null(DemoOptions.TryParse(Words(line)));

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
