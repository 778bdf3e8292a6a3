using Umbra.Agent.Health;
using Umbra.Core.Health;
using Xunit;

namespace Umbra.Agent.Tests.Health;

/// <summary>The SMART reader with programs that stand for smartctl.</summary>
public sealed class SmartReaderTests : IDisposable
{
    private const string Scan = """
        {"smartctl":{"exit_status":0},"devices":[{"name":"/dev/sda","type":"sat"},{"name":"/dev/sdb","type":"sat"}]}
        """;

    private const string Drive = """
        {"smartctl":{"exit_status":8},"device":{"protocol":"ATA"},"smart_status":{"passed":false},
         "temperature":{"current":31}}
        """;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("umbra-smart-");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Drives_are_read_and_the_exit_code_is_no_error()
    {
        HealthReport report = await ReadAsync($"echo '{Drive}'; exit 8");
        Assert.Null(report.Error);
        Assert.Equal(2, report.Readings.Count(static r => r is { Quantity: "state", Level: HealthLevel.Critical }));
        Assert.Equal(2, report.Readings.Count(static r => r is { Quantity: "temperature", Value: 31 }));
    }

    [Fact]
    public async Task A_drive_that_hangs_is_given_up_and_the_other_is_read()
    {
        HealthReport report = await ReadAsync(
            $"case \"$*\" in *sda*) exec sleep 1000 ;; *) echo '{Drive}' ;; esac", TimeSpan.FromSeconds(1));
        Assert.Equal(["sdb", "sdb"], report.Readings.Select(static r => r.Component));
        Assert.True(report.IsPartial);
        Assert.Contains("sda: ", report.Note, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exec yes '{'", "wrote more than")]
    [InlineData("echo '{\"smartctl\":{'", "not JSON")]
    [InlineData("echo 'smartctl 6.6 2017-11-05'", "version 7.0")]
    [InlineData("true", "wrote nothing")]
    public async Task Bad_output_gives_a_clear_error_and_nothing_else(string script, string reason)
    {
        HealthReport report = await ReadAsync(script);
        Assert.Contains(reason, report.Error!, StringComparison.Ordinal);
        Assert.Empty(report.Readings);
    }

    [Fact]
    public async Task A_machine_without_smartctl_says_so()
    {
        using var reader = new SmartReader(Minute, Minute, Minute, "/no/such/smartctl");
        Assert.Contains("could not be started", (await reader.ReadAsync(Stop)).Report!.Error!,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_real_smartctl_answers_with_drives_or_that_there_are_none()
    {
        if (!File.Exists("/usr/sbin/smartctl")) Assert.Skip("smartctl is not installed (Debian: smartmontools)");
        using var reader = new SmartReader(Minute, Minute, Minute, "/usr/sbin/smartctl");
        HealthReport report = (await reader.ReadAsync(Stop)).Report!;
        if (report.Error is { } error) Assert.Matches("finds no drives|no drive could be read", error);
        else Assert.NotEmpty(report.Readings);
    }

    private async Task<HealthReport> ReadAsync(string script, TimeSpan? driveDeadline = null)
    {
        string program = Path.Combine(_directory.FullName, "smartctl");
        await File.WriteAllTextAsync(
            program, $"#!/bin/sh\ncase \"$1\" in --scan) echo '{Scan}'; exit 0 ;; esac\n{script}\n", Stop);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var reader = new SmartReader(Minute, Minute, driveDeadline ?? Minute, program);
        ReadOutcome outcome = await reader.ReadAsync(Stop);
        Assert.NotNull(outcome.Report);
        return outcome.Report;
    }
}
