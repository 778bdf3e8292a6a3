using Umbra.Linux.Processes;
using Umbra.Linux.ProcFs;
using Umbra.Linux.Tests.Support;

namespace Umbra.Linux.Tests.Processes;

public sealed class DetachedProcessTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task It_is_nobodys_child_leads_its_session_and_gets_its_arguments_unchanged()
    {
        string[] awkward = ["-c", "sleep 60; :", "a b", "$HOME", "'\"`", "", "*"];
        using ProcessHandle process = Start("sh", awkward);
        ProcessStat stat = Stat(process.Pid);
        Assert.NotEqual(Environment.ProcessId, stat.Parent);
        Assert.Equal(process.Identity.StartTicks, stat.StartTicks);
        Assert.True(await HasCommandLine(process, ["sh", .. awkward]));
        Assert.True(process.IsAlive);
        await KillAndWait(process);
    }

    [Fact]
    public async Task Its_output_and_environment_are_as_asked_for_and_standard_input_is_empty()
    {
        // It ends once there is a handle of it.
        string started = _directory.File("started");
        string script = $"echo \"$UMBRA_TEST in $(pwd)\"; cat; echo oops >&2; "
            + $"until [ -e '{started}' ]; do sleep 0.01; done";
        DetachedStart start = new("sh", ["-c", script], _directory.File("a log"))
        {
            Environment = new Dictionary<string, string?> { ["UMBRA_TEST"] = "it's set" },
            WorkingDirectory = "/",
        };
        File.WriteAllText(start.LogPath, "before\n");
        using ProcessHandle process = DetachedProcess.Start(start).OrThrow();
        File.WriteAllText(started, "");
        Assert.True(await process.WaitForExit(Soon, TestContext.Current.CancellationToken));
        Assert.Equal("before\nit's set in /\noops\n", File.ReadAllText(start.LogPath));
    }

    [Fact]
    public async Task A_program_that_does_not_exist_says_so_in_its_log()
    {
        string log = _directory.File("log");
        Outcome<ProcessHandle> outcome = DetachedProcess.Start(new DetachedStart("/no/such/program", [], log));
        // Depending on who is faster it is seen to exit, or to be gone already.
        if (outcome.IsOk) Assert.True(await outcome.Value.WaitForExit(Soon, TestContext.Current.CancellationToken));
        else Assert.True(outcome.Error.IsGone);
        outcome.Value?.Dispose();
        Assert.Contains("/no/such/program", File.ReadAllText(log));
    }

    [Fact]
    public void A_log_that_cannot_be_written_is_an_outcome()
    {
        Outcome<ProcessHandle> outcome = DetachedProcess.Start(
            new DetachedStart("sleep", ["60"], _directory.File("none/log")));
        // The shell tells its pid before it opens the log: then the process is seen to exit at once.
        Assert.True(!outcome.IsOk || SpinWait.SpinUntil(() => !outcome.Value.IsAlive, Soon));
        outcome.Value?.Dispose();
    }

    [Fact]
    public async Task A_pid_file_is_waited_for_and_another_processs_is_not_believed()
    {
        string pidFile = _directory.File("pid");
        File.WriteAllText(pidFile, "1\n");
        const string script = "echo $$ >\"$0.new\"; mv \"$0.new\" \"$0\"; sleep 60";
        using ProcessHandle process = Start("sh", ["-c", script, pidFile]);
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Assert.True(await DetachedProcess.WaitForPidFile(pidFile, process, Soon, TimeProvider.System, cancel));
        await KillAndWait(process);
        string never = _directory.File("never");
        Assert.False(await DetachedProcess.WaitForPidFile(never, process, Soon, TimeProvider.System, cancel));
        File.WriteAllText(never, "no number");
        Assert.Null(DetachedProcess.ReadPidFile(never));
    }

    [Fact]
    public async Task Waiting_for_an_exit_ends_by_time_by_cancellation_and_by_the_exit()
    {
        using ProcessHandle process = Start("sleep", ["60"]);
        CancellationToken test = TestContext.Current.CancellationToken;
        Assert.False(await process.WaitForExit(TimeSpan.FromMilliseconds(20), test));
        Assert.False(await process.WaitForExit(TimeSpan.Zero, test));
        using CancellationTokenSource source = new();
        Task<bool> canceled = process.WaitForExit(Timeout.InfiniteTimeSpan, source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => canceled);
        Task<bool> exits = process.WaitForExit(Timeout.InfiniteTimeSpan, test);
        Assert.Null(process.Kill(ProcessHandle.SignalTerminate));
        Assert.True(await exits);
        Assert.False(process.IsAlive);
        Assert.True(await process.WaitForExit(TimeSpan.Zero, test));
    }

    [Fact]
    public async Task An_identity_finds_its_process_and_no_other()
    {
        using ProcessHandle process = Start("sleep", ["60"]);
        using (ProcessHandle again = ProcessHandle.Open(process.Identity).OrThrow()) Assert.True(again.IsAlive);
        ProcessIdentity other = process.Identity with { StartTicks = process.Identity.StartTicks + 1 };
        Assert.True(ProcessHandle.Open(other).Error?.IsGone);
        await KillAndWait(process);
        Assert.True(ProcessHandle.Open(process.Identity).Error?.IsGone);
        Assert.True(ProcessHandle.Open(int.MaxValue).Error?.IsGone);
    }

    [Fact]
    public void A_command_tells_its_exit_code_and_output_and_is_killed_when_late()
    {
        CommandResult good = Command.Run("sh", ["-c", "echo out; echo err >&2; exit 3"], Soon);
        Assert.Equal((3, "out\n", "err\n"), (good.ExitCode, good.Output, good.Error));
        CommandResult late = Command.Run("sleep", ["60"], TimeSpan.FromMilliseconds(50));
        Assert.Null(late.ExitCode);
        Assert.Contains("longer", late.Error);
        Assert.Contains("could not be started", Command.Run("/no/such/program", [], Soon).Error);
    }

    public void Dispose() => _directory.Dispose();

    private ProcessHandle Start(string program, string[] arguments) =>
        DetachedProcess.Start(new DetachedStart(program, arguments, _directory.File("log"))).OrThrow();

    private static ProcessStat Stat(int pid) => ProcessStat.Parse(File.ReadAllText($"/proc/{pid}/stat"))!.Value;

    private static async Task<bool> HasCommandLine(ProcessHandle process, string[] expected)
    {
        // Just after the start it is still the shell that becomes the program.
        DateTime deadline = DateTime.UtcNow + Soon;
        while (DateTime.UtcNow < deadline)
        {
            if (process.CommandLine().OrThrow().SequenceEqual(expected)) return true;
            await Task.Delay(2, TestContext.Current.CancellationToken);
        }

        return false;
    }

    private static async Task KillAndWait(ProcessHandle process)
    {
        Assert.Null(process.Kill(ProcessHandle.SignalKill));
        Assert.True(await process.WaitForExit(Soon, TestContext.Current.CancellationToken));
    }
}
