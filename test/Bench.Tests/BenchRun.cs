using System.Diagnostics;
using Xunit;

namespace Umbra.Bench.Tests;

/// <summary>A benchmark run as a process.</summary>
internal sealed record BenchRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs <c>bench/NAME</c> to its end.</summary>
    public static async Task<BenchRun> OfAsync(string name, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [PathOf(name), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(late.Token);
        return new BenchRun(process.ExitCode, await output, await error);
    }

    /// <summary>Runs <c>bench/NAME</c>, which has to succeed; what it reports.</summary>
    public static async Task<BenchReport> ReportOfAsync(string name, params string[] arguments)
    {
        string path = Path.Combine(Path.GetTempPath(), $"umbra-bench-{Guid.NewGuid():N}.json");
        try
        {
            BenchRun run = await OfAsync(name, [.. arguments, "--report", path]);
            Assert.True(run.ExitCode == 0, run.Error);
            return BenchReport.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    // .../test/Bench.Tests/bin/Release/net10.0/ -> bench/NAME/bin/Release/net10.0
    private static string PathOf(string name)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        string root = own.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        return Path.Combine(
            root, "bench", name, "bin", own.Parent.Name, own.Name, $"Umbra.Bench.{name}.dll");
    }
}
