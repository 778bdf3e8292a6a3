using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Machine;
using Umbra.Linux.Memory;
using Umbra.Linux.Processes;

namespace Umbra.Agent.Guarding;

/// <summary>
/// The process beside an agent that outlives it, for the things that must happen when the agent is dead or stands
/// still: a VM that a dead agent left paused in the middle of an epoch's barrier is resumed at once, unless it is held;
/// a VM under a lease is paused when the lease runs out; and disks that wait for an agent that stands still are cut
/// loose from it. It uses as little as it can, because it must not fail for anything that an agent could fail for.
/// </summary>
public sealed class GuardProcess : IDisposable
{
    /// <summary>How often a monitor is tried that the dying agent's kernel may still hold: 20 seconds.</summary>
    private const int TriesMax = 800;

    /// <summary>Most lines that are taken before the deadlines are looked at.</summary>
    private const int LinesMax = 1024;

    private static readonly TimeSpan TryPause = TimeSpan.FromMilliseconds(25);

    private readonly GuardBook _book = new();
    private readonly PulseWatch _pulseWatch = new();
    private readonly Dictionary<string, GuardMonitor> _monitors = new(StringComparer.Ordinal);
    private readonly BlockingCollection<string> _lines = new(boundedCapacity: LinesMax);
    private readonly Queue<(VmId Vm, int Tries)> _toResume = new();
    private readonly GuardOwner _owner = new();
    private readonly HeldMarker _marker = new();
    private PulseFile? _pulse;
    private ProcessHandle? _agent;
    private bool _agentGone;

    /// <summary>Guards until the agent is gone and nothing is left to guard; the exit code.</summary>
    public static int Run()
    {
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, static c => c.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, static c => c.Cancel = true);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, static c => c.Cancel = true);
        // A lease ends on a host that is short of memory too. Where this is not to be had it may be late.
        _ = ResidentProcess.Keep();
        using var guard = new GuardProcess();
        guard.Guard();
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _marker.Dispose();
        foreach (GuardMonitor monitor in _monitors.Values) monitor.Dispose();
        _lines.Dispose();
        _pulse?.Dispose();
        _agent?.Dispose();
    }

    private void Guard()
    {
        new Thread(ReadLines) { IsBackground = true, Name = "agent's lines" }.Start();
        while (!_agentGone || _toResume.Count > 0 || _book.NextDeadline is not null)
        {
            // All that was said is taken before a lease is enforced: a later deadline may be among it.
            if (WaitForLine() is { } line) Take(line);
            for (int i = 0; i < LinesMax && _lines.TryTake(out string? more); i++) Take(more);
            if (_lines.IsCompleted && !_agentGone) OnAgentGone();
            LetGo();
            EnforceLeases();
            ResumeNext();
            if (!_agentGone && _pulse is not null && _pulseWatch.IsSilent(_pulse.Value, BootClock.Now)) OnSilence();
        }
    }

    private void ReadLines()
    {
        while (Console.In.ReadLine() is { } line) _lines.Add(line);
        _lines.CompleteAdding();
    }

    /// <summary>
    /// The next line, or null when it is time to look at deadlines and the pulse, or there will be no more lines. Looks
    /// are frequent also for a far deadline: a wait does not count the time that the host was suspended, the clock
    /// does.
    /// </summary>
    private string? WaitForLine()
    {
        TimeSpan wait = PulseWatch.LookInterval;
        if (_book.NextDeadline - BootClock.Now is { } left
            && left < wait) wait = left > TimeSpan.Zero ? left : TimeSpan.Zero;
        if (_toResume.Count > 0 && TryPause / _toResume.Count is var pause && pause < wait) wait = pause;
        if (_lines.TryTake(out string? line, wait)) return line;
        if (_lines.IsCompleted) Thread.Sleep(wait);
        return null;
    }

    private void Take(string line)
    {
        if (GuardBook.TakePulse(line, out int agent) is { } path)
        {
            _pulse = new PulseFile(path);
            _owner.SetRoot(Path.GetDirectoryName(path)!);
            _agent = ProcessHandle.Open(agent) is { IsOk: true } open ? open.Value : null;
            return;
        }

        GuardedVm? vm = _book.Take(line);
        if (vm is null) return;
        if (!_book.Knows(vm.Vm))
        {
            Drop(vm);
            return;
        }

        if (!vm.Held && vm.StoppedFor is null) _marker.Forgo(vm.Vm);
        if (!line.StartsWith("watch", StringComparison.Ordinal)) return;
        // From its first word about a VM on, this guard is the one in charge, and an older agent's guard lets go.
        _owner.Claim(vm);
        if (_monitors.TryGetValue(vm.Vm.Value, out GuardMonitor? monitor) && monitor.SocketPath == vm.Socket) return;
        monitor?.Dispose();
        _monitors[vm.Vm.Value] = new GuardMonitor(vm.Socket);
    }

    private void OnAgentGone()
    {
        _agentGone = true;
        foreach (GuardedVm vm in _book.Vms) _toResume.Enqueue((vm.Vm, 0));
    }

    /// <summary>
    /// One try to resume one VM that the dead agent may have left paused. One at a time, because a monitor that does
    /// not answer must not keep the guard from the next lease.
    /// </summary>
    private void ResumeNext()
    {
        if (!_toResume.TryDequeue(out (VmId Vm, int Tries) next)) return;
        if (_book.Find(next.Vm) is not { } vm || !vm.MayRun(BootClock.Now) || !_owner.IsMine(vm)) return;
        if (!Monitor(vm).TryResume() && next.Tries < TriesMax) _toResume.Enqueue((next.Vm, next.Tries + 1));
    }

    /// <summary>
    /// The agent stands still, and with it the server that its VMs' disks are mirrored to. A VM that it left paused
    /// cannot be resumed under it: when it went on it would take a pause for granted that is over. So it is ended; its
    /// end is the signal to resume, and the next agent takes up what runs.
    /// </summary>
    private void OnSilence()
    {
        GuardedVm[] mine = [.. _book.Vms.Where(_owner.IsMine)];
        foreach (GuardedVm vm in mine) Monitor(vm).Yank(vm.Disks);
        (GuardMonitor Monitor, int Asked)[] asked =
            [.. mine.Where(static vm => vm.MayRun(BootClock.Now)).Select(Monitor).Select(m => (m, m.AskStatus()))];
        TimeSpan until = BootClock.Now + GuardMonitor.AnswerMax;
        if (asked.Any(a => a.Monitor.IsInBarrier(a.Asked, until))) _agent?.Kill(ProcessHandle.SignalKill);
    }

    /// <summary>VMs that another guard is in charge of by now, which needs their monitors.</summary>
    private void LetGo()
    {
        foreach (GuardedVm vm in _book.Vms.Where(vm => (_agentGone || vm.IsArmed) && !_owner.IsMine(vm)).ToArray())
            Forget(vm);
    }

    /// <summary>
    /// First they stop, and then it is noted: what the disk does must not put off the stop, and after a crash in
    /// between the lease's own file tells the next agent that its deadline has passed. While the agent lives they are
    /// guarded on: it may be heard again, and let them run under a new deadline.
    /// </summary>
    private void EnforceLeases()
    {
        IReadOnlyList<GuardedVm> expired = _book.Expired(BootClock.Now);
        if (expired.Count == 0) return;
        LeaseStop.Stop(expired.Select(vm => (vm, Monitor(vm))));
        foreach (GuardedVm vm in expired)
        {
            _marker.Mark(vm);
            _book.NoteStopped(vm.Vm);
            if (_agentGone) Forget(vm);
        }
    }

    private void Forget(GuardedVm vm)
    {
        _book.Forget(vm.Vm);
        Drop(vm);
    }

    private GuardMonitor Monitor(GuardedVm vm) => _monitors[vm.Vm.Value];

    private void Drop(GuardedVm vm)
    {
        if (_monitors.Remove(vm.Vm.Value, out GuardMonitor? monitor)) monitor.Dispose();
    }
}
