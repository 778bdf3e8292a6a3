using System.Diagnostics;
using Umbra.Linux.Processes;

namespace Umbra.Linux.Tests.Processes;

public sealed class BoundedCommandTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly BoundedCommand _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Output_error_exit_code_and_environment_come_through()
    {
        BoundedResult result = await RunAsync("echo out; echo \"$SECRET\" >&2; exit 3", Minute, 100);
        Assert.Equal((CommandEnd.Exited, 3, "out\n", "hidden\n"),
            (result.End, result.ExitCode, result.Text, result.Error));
    }

    [Fact]
    public async Task One_that_hangs_is_killed_with_all_that_it_started()
    {
        var watch = Stopwatch.StartNew();
        BoundedResult result = await RunAsync("sleep 1000 & sleep 1000", TimeSpan.FromMilliseconds(200), 100);
        Assert.Equal(CommandEnd.TimedOut, result.End);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"{watch.Elapsed}");
        Assert.Equal(CommandEnd.Exited, (await RunAsync("exit 0", Minute, 100)).End);
    }

    [Fact]
    public async Task One_that_writes_without_end_is_killed()
    {
        BoundedResult result = await RunAsync("exec yes", Minute, 1_000_000);
        Assert.Equal(CommandEnd.TooLong, result.End);
        Assert.InRange(result.Output.Length, 0, 1_000_000);
    }

    [Fact]
    public async Task One_that_floods_its_errors_ends_as_well()
    {
        BoundedResult result = await RunAsync("exec yes >&2", TimeSpan.FromSeconds(1), 100);
        Assert.NotEqual(0, result.ExitCode);
    }

    [Fact]
    public async Task One_that_is_not_there_says_so()
    {
        BoundedResult result = await _command.RunAsync("/no/such", [], new Dictionary<string, string>(), Minute, 1,
            TestContext.Current.CancellationToken);
        Assert.Equal(CommandEnd.NotStarted, result.End);
        Assert.Contains("/no/such could not be started", result.Error, StringComparison.Ordinal);
    }

    private Task<BoundedResult> RunAsync(string script, TimeSpan timeMax, int bytesMax) => _command.RunAsync(
        "/bin/sh", ["-c", script], new Dictionary<string, string> { ["SECRET"] = "hidden" }, timeMax, bytesMax,
        TestContext.Current.CancellationToken);
}
