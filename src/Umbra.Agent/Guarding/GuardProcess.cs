using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Umbra.Agent.State;
using Umbra.Core.Epochs;
using Umbra.Linux;
using Umbra.Linux.Machine;
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
    /// <summary>How often a monitor is tried that the dying agent's kernel may still hold.</summary>
    private const int TriesMax = 40;

    private static readonly TimeSpan TryPause = TimeSpan.FromMilliseconds(25);

    private readonly GuardBook _book = new();
    private readonly PulseWatch _pulseWatch = new();
    private readonly Dictionary<string, GuardMonitor> _monitors = new(StringComparer.Ordinal);
    private readonly BlockingCollection<string> _lines = new(boundedCapacity: 1024);
    private readonly string _id = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);
    private PulseFile? _pulse;
    private ProcessHandle? _agent;

    /// <summary>Guards until the agent is gone and nothing is left to guard; the exit code.</summary>
    public static int Run()
    {
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, static c => c.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, static c => c.Cancel = true);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, static c => c.Cancel = true);
        using var guard = new GuardProcess();
        guard.Guard();
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (GuardMonitor monitor in _monitors.Values) monitor.Dispose();
        _lines.Dispose();
        _pulse?.Dispose();
        _agent?.Dispose();
    }

    private void Guard()
    {
        new Thread(ReadLines) { IsBackground = true, Name = "agent's lines" }.Start();
        bool agentGone = false;
        while (!agentGone || _book.NextDeadline is not null)
        {
            if (WaitForLine() is { } line) Take(line);
            else if (_lines.IsCompleted && !agentGone)
            {
                agentGone = true;
                foreach (GuardedVm vm in _book.Vms.ToArray()) OnAgentGone(vm);
            }

            foreach (GuardedVm vm in _book.Vms.ToArray()) EnforceLease(vm, agentGone);
            if (!agentGone && _pulse is not null && _pulseWatch.IsSilent(_pulse.Value, BootClock.Now)) OnSilence();
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
        if (_lines.TryTake(out string? line, wait)) return line;
        if (_lines.IsCompleted) Thread.Sleep(wait);
        return null;
    }

    private void Take(string line)
    {
        if (GuardBook.TakePulse(line, out int agent) is { } path)
        {
            _pulse = new PulseFile(path);
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

        if (!line.StartsWith("watch", StringComparison.Ordinal)) return;
        // From its first word about a VM on, this guard is the one in charge, and an older agent's guard lets go.
        File.WriteAllText(OwnerFile(vm), _id);
        if (_monitors.TryGetValue(vm.Vm.Value, out GuardMonitor? monitor) && monitor.SocketPath == vm.Socket) return;
        monitor?.Dispose();
        _monitors[vm.Vm.Value] = new GuardMonitor(vm.Socket);
    }

    private void OnAgentGone(GuardedVm vm)
    {
        for (int i = 0; vm.MayRun(BootClock.Now) && IsMine(vm) && i < TriesMax && !Monitor(vm).TryResume(); i++) Thread.Sleep(TryPause);
    }

    /// <summary>
    /// The agent stands still, and with it the server that its VMs' disks are mirrored to. A VM that it left paused
    /// cannot be resumed under it: when it went on it would take a pause for granted that is over. So it is ended; its
    /// end is the signal to resume, and the next agent takes up what runs.
    /// </summary>
    private void OnSilence()
    {
        GuardedVm[] mine = [.. _book.Vms.Where(IsMine)];
        foreach (GuardedVm vm in mine) Monitor(vm).Yank(vm.Disks);
        if (mine.Any(vm =>
            !vm.Held && Monitor(vm).IsReady && Monitor(vm).IsInBarrier())) _agent?.Kill(ProcessHandle.SignalKill);
    }

    /// <summary>
    /// While the agent lives a VM that was stopped is guarded on: the agent may be heard again, and let it run under a
    /// new deadline.
    /// </summary>
    private void EnforceLease(GuardedVm vm, bool agentGone)
    {
        if (!vm.IsArmed) return;
        if (!IsMine(vm))
        {
            // Another guard is in charge, and needs the monitor.
            _book.Forget(vm.Vm);
            Drop(vm);
            return;
        }

        if (BootClock.Now < vm.RunDeadline) return;
        HeldFile.Write(vm.Directory, new HeldMark(HeldReason.Lease, vm.Generation, ""));
        Monitor(vm).Yank(vm.Disks);
        if (!Monitor(vm).TryPause()) Kill(vm.Process);
        _book.NoteStopped(vm.Vm);
        if (!agentGone) return;
        _book.Forget(vm.Vm);
        Drop(vm);
    }

    /// <summary>What is left when the monitor does not answer: a VM whose process is gone runs nowhere.</summary>
    private static void Kill(int process)
    {
        try
        {
            using Process found = Process.GetProcessById(process);
            found.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // Gone already.
        }
    }

    private GuardMonitor Monitor(GuardedVm vm) => _monitors[vm.Vm.Value];

    private void Drop(GuardedVm vm)
    {
        if (_monitors.Remove(vm.Vm.Value, out GuardMonitor? monitor)) monitor.Dispose();
    }

    private bool IsMine(GuardedVm vm)
    {
        try
        {
            return File.ReadAllText(OwnerFile(vm)) == _id;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string OwnerFile(GuardedVm vm) => Path.Combine(vm.Directory, "guard");
}
