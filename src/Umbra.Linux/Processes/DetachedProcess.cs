using System.Diagnostics;
using System.Globalization;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Processes;

/// <summary>What to start as nobody's child.</summary>
/// <param name="Program">Path or name on PATH.</param>
/// <param name="Arguments">Arguments as they are; nothing is quoted or expanded.</param>
/// <param name="LogPath">File that standard output and error are appended to.</param>
public sealed record DetachedStart(string Program, IReadOnlyList<string> Arguments, string LogPath)
{
    /// <summary>Variables set in addition to this process's own; null removes one.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>Directory to start in; null: this process's.</summary>
    public string? WorkingDirectory { get; init; }
}

/// <summary>
/// Starts programs that outlive this process and are not its children, in a session of their own with standard input
/// from /dev/null. Not being a child also keeps .NET's handling of SIGCHLD away from them: that would swallow the stops
/// by which the page tracker knows its target.
/// </summary>
public static class DetachedProcess
{
    /// <summary>How long the shell that starts the program may take.</summary>
    public static readonly TimeSpan StartTimeMax = TimeSpan.FromSeconds(10);

    // The inner shell tells its own pid and then becomes the program: the pid is surely the program's.
    private const string Inner = "echo $$; log=$0; exec \"$@\" </dev/null >>\"$log\" 2>&1";

    /// <summary>
    /// Starts it and returns a handle. A program that cannot be executed shows as one that has exited at once (code
    /// 127), with the reason in its log.
    /// </summary>
    public static Outcome<ProcessHandle> Start(DetachedStart start)
    {
        string what = $"{start.Program}, log {start.LogPath}";
        using Process shell = new() { StartInfo = Shell(start) };
        try
        {
            shell.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            const string hint = "setsid (package util-linux) starts detached programs";
            return new SystemError("start", what, e.NativeErrorCode, hint);
        }

        Task<string?> pidLine = shell.StandardOutput.ReadLineAsync();
        Task<string> errors = shell.StandardError.ReadToEndAsync();
        if (!pidLine.Wait(StartTimeMax)) return new SystemError("start", what, Errno.TIMEDOUT);
        if (int.TryParse(pidLine.Result, NumberStyles.None, CultureInfo.InvariantCulture, out int pid))
            return ProcessHandle.Open(pid);
        string said = errors.Wait(StartTimeMax) ? errors.Result.Trim() : "";
        return new SystemError("start", what, 0, said);
    }

    /// <summary>
    /// Waits for the pid that a program writes to its own pid file. False: not there after
    /// <paramref name="timeout"/>, or <paramref name="process"/> has exited before.
    /// </summary>
    public static async Task<bool> WaitForPidFile(
        string path, ProcessHandle process, TimeSpan timeout, TimeProvider time, CancellationToken cancel = default)
    {
        TimeSpan poll = TimeSpan.FromMilliseconds(5);
        long start = time.GetTimestamp();
        while (time.GetElapsedTime(start) < timeout)
        {
            if (ReadPidFile(path) == process.Pid) return true;
            if (!process.IsAlive) return false;
            await Task.Delay(poll, time, cancel).ConfigureAwait(false);
        }

        return false;
    }

    /// <summary>The pid in a pid file; null when there is no such file or no number in it.</summary>
    public static int? ReadPidFile(string path)
    {
        try
        {
            ReadOnlySpan<char> text = File.ReadAllText(path).AsSpan().Trim();
            bool good = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int pid);
            return good ? pid : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static ProcessStartInfo Shell(DetachedStart start)
    {
        ProcessStartInfo info = new("setsid")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = start.WorkingDirectory ?? "",
        };
        foreach (string argument in new[] { "-f", "/bin/sh", "-c", Inner, start.LogPath, start.Program })
            info.ArgumentList.Add(argument);
        foreach (string argument in start.Arguments) info.ArgumentList.Add(argument);
        foreach ((string name, string? value) in start.Environment) info.Environment[name] = value;
        return info;
    }
}
