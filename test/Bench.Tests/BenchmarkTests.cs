using Xunit;

namespace Umbra.Bench.Tests;

/// <summary>That the benchmarks run and report; never how fast anything was.</summary>
public sealed class BenchmarkTests
{
    [Fact]
    public async Task The_short_micro_benchmark_reports_every_part_of_the_engine()
    {
        BenchReport report = await BenchRun.ReportOfAsync("Micro", "--quick", "--pages", "256");
        Assert.True(report.Quick);
        Assert.True(report.MachineCpus > 0 && report.MachineCpu.Length > 0);
        string[] parts =
        [
            "copy", "zero-test", "hash", "delta-encode", "batch-encode", "batch-decode", "lz4-of-xor",
            "zstd-of-xor", "engine-encode", "engine-encode-changed", "shadow-stage", "shadow-commit",
            "disk-log", "disk-log-new",
        ];
        foreach (string part in parts)
        {
            BenchCase one = Assert.Single(report.Cases, one => one.Name == part);
            Assert.True(one.Figures["speedGBs"] > 0, part);
            if (part != "copy") Assert.True(one.Figures["copyTimesRatio"] > 0, part);
        }

        // With the reason in its note where pages cannot be tracked.
        Assert.Contains(report.Cases, one => one.Name.StartsWith("page-scan", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_short_fleet_benchmark_decides_about_every_VM_that_drifts()
    {
        BenchReport report = await BenchRun.ReportOfAsync("Fleet", "--quick");
        Assert.Equal(["quiet", "one-in-100-drifts", "all-suspected"], report.Cases.Select(one => one.Name));
        Assert.All(report.Cases, one => Assert.Equal(0, one.Figures["undecided"]));
        Assert.All(report.Cases, one => Assert.True(one.Figures["decisionMaxMs"] > 0, one.Name));
        Assert.Equal([0, 2, 0], report.Cases.Select(one => one.Figures["swapsUnderWay"]));
    }

    [Fact]
    public async Task The_short_link_benchmark_reports_bare_and_encrypted_connections()
    {
        BenchReport report = await BenchRun.ReportOfAsync("Link", "--quick", "--cases", "copy-1,plain-1,tls-1,tls-2");
        Assert.Equal(["copy-1", "plain-1", "tls-1", "tls-2"], report.Cases.Select(one => one.Name));
        foreach (BenchCase one in report.Cases)
        {
            Assert.True(one.Figures["speedGBs"] > 0, one.Name);
            Assert.True(one.Figures["ofCopyRatio"] > 0, one.Name);
            bool isEncrypted = one.Name.StartsWith("tls", StringComparison.Ordinal);
            Assert.Equal(isEncrypted, one.Note.StartsWith("TLS_", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("Link")]
    [InlineData("Micro")]
    [InlineData("Sync")]
    [InlineData("Swap")]
    [InlineData("Large")]
    [InlineData("Compare")]
    [InlineData("Fleet")]
    [InlineData("CompareRevisions")]
    public async Task Each_benchmark_explains_itself_and_refuses_what_it_does_not_know(string name)
    {
        BenchRun help = await BenchRun.OfAsync(name, "--help");
        Assert.Equal(0, help.ExitCode);
        Assert.Contains("Examples:", help.Output, StringComparison.Ordinal);
        Assert.Contains("--report FILE", help.Output, StringComparison.Ordinal);
        BenchRun wrong = await BenchRun.OfAsync(name, "--no-such-option");
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("no option --no-such-option", wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Statistics_are_those_of_the_values()
    {
        Statistics of = Statistics.Of(Enumerable.Range(1, 200).Select(n => (double)n))!;
        Assert.Equal((200, 100.5, 100, 198, 200), (of.Count, of.Mean, of.P50, of.P99, of.Max));
        Assert.Null(Statistics.Of([]));
        Assert.Equal(0.001235, Statistics.Round(0.00123456));
    }
}
