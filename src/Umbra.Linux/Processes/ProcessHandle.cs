using System.Text;
using Umbra.Linux.Interop;
using Umbra.Linux.ProcFs;

namespace Umbra.Linux.Processes;

/// <summary>Names one process for good: a pid is used again after a while, a pid with its start time is not.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="StartTicks">Clock ticks from boot to its start (<c>/proc/PID/stat</c>, field 22).</param>
public readonly record struct ProcessIdentity(int Pid, ulong StartTicks);

/// <summary>
/// A process of this machine, child or not, held by a pidfd so that it is never mistaken for another.
/// </summary>
public sealed class ProcessHandle : IDisposable
{
    /// <summary>SIGTERM: asks it to end.</summary>
    public const int SignalTerminate = 15;

    /// <summary>SIGKILL: ends it.</summary>
    public const int SignalKill = 9;

    private const int CommandLineBytesMax = 2 * 1024 * 1024;
    private readonly FileDescriptor _pidfd;

    private ProcessHandle(FileDescriptor pidfd, ProcessIdentity identity)
    {
        _pidfd = pidfd;
        Identity = identity;
    }

    /// <summary>Pid and start time.</summary>
    public ProcessIdentity Identity { get; }

    /// <summary>Process id.</summary>
    public int Pid => Identity.Pid;

    /// <summary>Whether it has not exited yet. A zombie has exited.</summary>
    public bool IsAlive => !Pidfd.HasExited(_pidfd);

    /// <summary>Opens the process that has <paramref name="pid"/> now. ESRCH: there is none.</summary>
    public static Outcome<ProcessHandle> Open(int pid)
    {
        Outcome<FileDescriptor> pidfd = Pidfd.Open(pid);
        if (!pidfd.IsOk) return pidfd.Error;
        ProcessStat? stat = ReadStat(pid);
        // Alive after the stat was read: then the stat was its own.
        if (stat is { } known && !Pidfd.HasExited(pidfd.Value))
            return new ProcessHandle(pidfd.Value, new ProcessIdentity(pid, known.StartTicks));
        pidfd.Value.Dispose();
        return new SystemError("pidfd_open", $"process {pid}", Errno.SRCH, "the process is gone");
    }

    /// <summary>Opens exactly <paramref name="identity"/>. ESRCH: it is gone, whoever has its pid now.</summary>
    public static Outcome<ProcessHandle> Open(ProcessIdentity identity)
    {
        Outcome<ProcessHandle> process = Open(identity.Pid);
        if (!process.IsOk || process.Value.Identity == identity) return process;
        process.Value.Dispose();
        return new SystemError(
            "pidfd_open", $"process {identity.Pid}", Errno.SRCH, "the pid belongs to another process by now");
    }

    /// <summary>Sends <paramref name="signal"/>; ESRCH when it has exited and its parent knows.</summary>
    public SystemError? Kill(int signal) => Pidfd.Signal(_pidfd, signal, $"process {Pid}");

    /// <summary>
    /// Waits until it has exited; false when it still runs after <paramref name="timeout"/>
    /// (<see cref="Timeout.InfiniteTimeSpan"/>: no limit). Costs a small thread while waiting.
    /// </summary>
    public Task<bool> WaitForExit(TimeSpan timeout, CancellationToken cancel = default) =>
        Waiting.UntilReadable(_pidfd, timeout, cancel);

    /// <summary>Its command line, one argument an element, from <c>/proc/PID/cmdline</c>.</summary>
    public Outcome<IReadOnlyList<string>> CommandLine() => ReadCommandLine(Pid);

    /// <summary>As <see cref="CommandLine"/>, by pid. Empty for a kernel thread or zombie.</summary>
    public static Outcome<IReadOnlyList<string>> ReadCommandLine(int pid)
    {
        string path = $"/proc/{pid}/cmdline";
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (bytes.Length > CommandLineBytesMax) return new SystemError("read", path, 0, "longer than allowed");
            return new Outcome<IReadOnlyList<string>>(SplitArguments(bytes), null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new SystemError("read", path, Errno.SRCH, e.Message);
        }
    }

    /// <summary>Splits the text of <c>/proc/PID/cmdline</c>: arguments that each end with a zero byte.</summary>
    public static IReadOnlyList<string> SplitArguments(ReadOnlySpan<byte> bytes)
    {
        List<string> arguments = [];
        while (!bytes.IsEmpty)
        {
            int end = bytes.IndexOf((byte)0);
            arguments.Add(Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]));
            bytes = end < 0 ? [] : bytes[(end + 1)..];
        }

        return arguments;
    }

    /// <inheritdoc/>
    public void Dispose() => _pidfd.Dispose();

    private static ProcessStat? ReadStat(int pid)
    {
        try
        {
            return ProcessStat.Parse(File.ReadAllText($"/proc/{pid}/stat"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
