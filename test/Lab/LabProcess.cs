using System.Diagnostics;

namespace Umbra.Lab;

/// <summary>
/// A long-running process inside a namespace, in a session of its own (a terminal's interrupt reaches the lab alone),
/// writing to a log file, so that it can outlive the lab.
/// </summary>
public sealed class LabProcess : IDisposable
{
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    private LabProcess(Process process, string logPath)
    {
        _process = process;
        LogPath = logPath;
    }

    /// <summary>Where its output goes; appended to by each start.</summary>
    public string LogPath { get; }

    /// <summary>Its process id: that of the program itself, which replaced the shell and <c>ip</c>.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>
    /// Starts <paramref name="command"/> inside <paramref name="space"/> and, when there is one, in
    /// <paramref name="group"/>.
    /// </summary>
    public static LabProcess Start(
        NetworkNamespace space, string logPath, IReadOnlyList<string> command, HostGroup? group = null)
    {
        // The group is entered outside: 'ip netns exec' hides the control groups behind a /sys of its own.
        string[] all =
        [
            .. group?.Launcher ?? [], "setsid", "ip", "netns", "exec", space.Name, "sh", "-c",
            "exec \"$@\" >>\"$0\" 2>&1", logPath, .. command,
        ];
        var start = new ProcessStartInfo(all[0], all.Skip(1)) { RedirectStandardInput = true };
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return new LabProcess(process, logPath);
    }

    /// <summary>SIGKILL, as a crash; returns when it is gone.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGTERM; its exit code. Killed when it does not obey.</summary>
    public async Task<int> StopAsync()
    {
        ShellCommand.TryRun("kill", "-TERM", Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var late = new CancellationTokenSource(EndTime);
        try
        {
            await _process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            Kill();
        }

        return _process.ExitCode;
    }

    /// <summary>The last lines of its log, for error messages.</summary>
    public string LogTail(int lines = 20) =>
        File.Exists(LogPath) ? string.Join('\n', File.ReadLines(LogPath).TakeLast(lines)) : "(no log)";

    /// <inheritdoc/>
    public void Dispose() => _process.Dispose();
}
