using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Linux;
using Umbra.Linux.Processes;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>
/// A QEMU process and its two monitors. The process is nobody's child: it outlives the agent, which adopts it again.
/// Disposing lets go of it and leaves it running.
/// </summary>
public sealed class QemuVm : IDisposable
{
    /// <summary>QEMU's program when the environment variable <c>UMBRA_QEMU</c> names no other.</summary>
    public const string DefaultProgram = "qemu-system-x86_64";

    private const int LogTailBytes = 2048;
    private static readonly TimeSpan s_listenPoll = TimeSpan.FromMilliseconds(5);

    private readonly ProcessHandle _process;
    private readonly string? _errorLog;
    private readonly long _errorLogStart;
    private readonly CancellationTokenSource _letGo = new();

    private QemuVm(ProcessHandle process, QmpSession monitor, QemuBrake brake, string? errorLog, long errorLogStart)
    {
        _process = process;
        Monitor = monitor;
        Brake = brake;
        _errorLog = errorLog;
        _errorLogStart = errorLogStart;
        Outcome<IReadOnlyList<string>> commandLine = process.CommandLine();
        IsOnlyMigratable = commandLine.IsOk && commandLine.Value.Any(
            static a => a is QemuCommandLine.OnlyMigratable or "-" + QemuCommandLine.OnlyMigratable);
        Exited = process.WaitForExit(Timeout.InfiniteTimeSpan, _letGo.Token);
    }

    /// <summary>The program to start: <c>UMBRA_QEMU</c>, or <see cref="DefaultProgram"/> from PATH.</summary>
    public static string Program =>
        Environment.GetEnvironmentVariable("UMBRA_QEMU") is { Length: > 0 } path ? path : DefaultProgram;

    /// <summary>Pid and start time, to adopt it again by.</summary>
    public ProcessIdentity Identity => _process.Identity;

    /// <summary>
    /// Whether this QEMU refuses devices whose state it cannot save, as those do that Umbra has started. False when its
    /// command line cannot be read.
    /// </summary>
    public bool IsOnlyMigratable { get; }

    /// <summary>The first monitor: all ordinary commands.</summary>
    public QmpSession Monitor { get; }

    /// <summary>The second monitor: the brake.</summary>
    public QemuBrake Brake { get; }

    /// <summary>Completes when the process has exited; cancelled when this object is disposed before.</summary>
    public Task Exited { get; }

    /// <summary>Whether the process has not exited.</summary>
    public bool IsAlive => _process.IsAlive;

    /// <summary>What QEMU has said on its standard error since it was started; empty for an adopted one.</summary>
    public string LastWords => _errorLog is null ? "" : ReadTail(_errorLog, _errorLogStart);

    /// <summary>Starts QEMU and waits until both monitors answer.</summary>
    /// <returns>A failure carries what QEMU said on its standard error; nothing is left running then.</returns>
    public static async Task<QmpOutcome<QemuVm>> StartAsync(
        VmDefinition definition, HostPaths paths, QemuRole role, TimeSpan deadline, CancellationToken cancel = default)
    {
        long start = Stopwatch.GetTimestamp();
        if (DefinitionChecks.Check(definition) is { Count: > 0 } errors) return Failed(string.Join("; ", errors));
        foreach (string? stale in (string?[])[paths.QmpSocket, paths.BrakeSocket, paths.GuardSocket, paths.PidFile])
        {
            if (stale is not null) File.Delete(stale);
        }

        long logStart = File.Exists(paths.ErrorLog) ? new FileInfo(paths.ErrorLog).Length : 0;
        IReadOnlyList<string> arguments = QemuCommandLine.Build(definition, paths, role);
        Outcome<ProcessHandle> started = DetachedProcess.Start(new DetachedStart(Program, arguments, paths.ErrorLog));
        if (!started.IsOk) return Failed($"QEMU does not start: {started.Error.Message}; {Said(paths, logStart)}");
        ProcessHandle process = started.Value;
        try
        {
            QmpOutcome<QemuVm> connected = await ConnectAsync(
                process, paths, paths.ErrorLog, logStart, deadline - Stopwatch.GetElapsedTime(start), cancel);
            if (connected.IsOk) return connected;
            await EndAsync(process);
            return Failed($"QEMU does not start: {connected.Description}; it said: {Said(paths, logStart)}");
        }
        catch (OperationCanceledException)
        {
            await EndAsync(process);
            throw;
        }
    }

    /// <summary>Takes a running QEMU over again, for instance after the agent was restarted.</summary>
    /// <param name="identity">The process.</param>
    /// <param name="paths">Where its monitors are.</param>
    /// <param name="deadline">For both monitors.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Gone when that very process runs no more.</returns>
    public static async Task<QmpOutcome<QemuVm>> AdoptAsync(
        ProcessIdentity identity, HostPaths paths, TimeSpan deadline, CancellationToken cancel = default)
    {
        Outcome<ProcessHandle> process = ProcessHandle.Open(identity);
        if (!process.IsOk) return QmpOutcome.Failed<QemuVm>(QmpStatus.Gone, process.Error.Message);
        QmpOutcome<QemuVm> connected = await ConnectAsync(process.Value, paths, null, 0, deadline, cancel);
        if (!connected.IsOk) process.Value.Dispose();
        return connected;
    }

    /// <summary>Ends QEMU at once: by <c>quit</c>, and by SIGKILL when that does not do within the deadline.</summary>
    public async Task QuitAsync(TimeSpan deadline)
    {
        await Monitor.ExecuteAsync(QmpCommands.Quit, deadline);
        if (!await _process.WaitForExit(deadline)) await KillAsync();
    }

    /// <summary>SIGKILL; completes when the process is gone.</summary>
    public Task KillAsync()
    {
        _process.Kill(ProcessHandle.SignalKill);
        return Exited;
    }

    /// <summary>Lets go of the process, which runs on.</summary>
    public void Dispose()
    {
        _letGo.Cancel();
        _letGo.Dispose();
        Monitor.Dispose();
        Brake.Dispose();
        _process.Dispose();
    }

    private static async Task<QmpOutcome<QemuVm>> ConnectAsync(
        ProcessHandle process,
        HostPaths paths,
        string? errorLog,
        long errorLogStart,
        TimeSpan deadline,
        CancellationToken cancel)
    {
        long start = Stopwatch.GetTimestamp();
        QmpOutcome<QmpSession> monitor = await QmpSession.ConnectAsync(paths.QmpSocket, deadline, cancel);
        // A QEMU that has just been started does not listen yet.
        while (monitor.Status == QmpStatus.Gone && process.IsAlive && Stopwatch.GetElapsedTime(start) < deadline)
        {
            await Task.Delay(s_listenPoll, cancel);
            monitor = await QmpSession.ConnectAsync(
                paths.QmpSocket, deadline - Stopwatch.GetElapsedTime(start), cancel);
        }

        if (!monitor.IsOk) return monitor.As<QemuVm>();
        QmpOutcome<QemuBrake> brake = await QemuBrake.ConnectAsync(paths.BrakeSocket, deadline, cancel);
        if (brake.IsOk)
            return QmpOutcome.Ok(new QemuVm(process, monitor.Value, brake.Value, errorLog, errorLogStart));
        monitor.Value.Dispose();
        return brake.As<QemuVm>();
    }

    private static async Task EndAsync(ProcessHandle process)
    {
        process.Kill(ProcessHandle.SignalKill);
        await process.WaitForExit(Timeout.InfiniteTimeSpan);
        process.Dispose();
    }

    private static QmpOutcome<QemuVm> Failed(string why) => QmpOutcome.Failed<QemuVm>(QmpStatus.QemuError, why);

    private static string Said(HostPaths paths, long logStart) => ReadTail(paths.ErrorLog, logStart);

    private static string ReadTail(string path, long start)
    {
        try
        {
            using FileStream log = File.OpenRead(path);
            // One that was turned since has nothing that is older.
            long from = start <= log.Length ? start : 0;
            log.Position = Math.Max(from, log.Length - LogTailBytes);
            return new StreamReader(log).ReadToEnd().Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }
}
