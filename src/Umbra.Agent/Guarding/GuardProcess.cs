using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Umbra.Agent.State;
using Umbra.Core.Epochs;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Guarding;

/// <summary>
/// The process beside an agent that outlives it, for the two things that must happen when the agent is dead or hung:
/// a VM that it left paused in the middle of an epoch's barrier is resumed at once, unless it is held; and a VM under a
/// lease is paused when the lease runs out. It uses as little as it can, because it must not fail for anything that an
/// agent could fail for.
/// </summary>
public sealed class GuardProcess : IDisposable
{
    /// <summary>How often a monitor is tried that the dying agent's kernel may still hold.</summary>
    private const int TriesMax = 40;

    /// <summary>
    /// Deadlines are looked at this often: a wait does not count the time that the host was suspended, the clock does.
    /// </summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan TryPause = TimeSpan.FromMilliseconds(25);

    private readonly GuardBook _book = new();
    private readonly BlockingCollection<string> _lines = new(boundedCapacity: 1024);
    private readonly string _id = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);

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
    public void Dispose() => _lines.Dispose();

    private void Guard()
    {
        new Thread(ReadLines) { IsBackground = true, Name = "agent's lines" }.Start();
        GuardMonitor.WarmUp();
        bool agentGone = false;
        while (!agentGone || _book.NextDeadline is not null)
        {
            if (WaitForLine() is { } line) Take(line);
            else if (_lines.IsCompleted && !agentGone)
            {
                agentGone = true;
                foreach (GuardedVm vm in _book.Vms.ToArray()) OnAgentGone(vm);
            }

            foreach (GuardedVm vm in _book.Vms.ToArray()) EnforceLease(vm);
        }
    }

    private void ReadLines()
    {
        while (Console.In.ReadLine() is { } line) _lines.Add(line);
        _lines.CompleteAdding();
    }

    /// <summary>The next line, or null when it is time to look at deadlines, or there will be no more lines.</summary>
    private string? WaitForLine()
    {
        if (_book.NextDeadline is not { } deadline) return _lines.TryTake(out string? next, Timeout.Infinite) ? next : null;
        TimeSpan wait = deadline - BootClock.Now;
        if (wait < TimeSpan.Zero) wait = TimeSpan.Zero;
        if (wait > LookInterval) wait = LookInterval;
        if (_lines.TryTake(out string? line, wait)) return line;
        if (_lines.IsCompleted) Thread.Sleep(wait);
        return null;
    }

    private void Take(string line)
    {
        GuardedVm? vm = _book.Take(line);
        if (vm is null) return;
        // From its first word about a VM on, this guard is the one in charge, and an older agent's guard lets go.
        if (line.StartsWith("watch", StringComparison.Ordinal)) File.WriteAllText(OwnerFile(vm), _id);
    }

    private void OnAgentGone(GuardedVm vm)
    {
        for (int i = 0; !vm.Held && IsMine(vm) && i < TriesMax && !GuardMonitor.TryResume(vm.Socket); i++)
            Thread.Sleep(TryPause);
    }

    private void EnforceLease(GuardedVm vm)
    {
        if (vm.Held || vm.RunDeadline is not { } deadline || BootClock.Now < deadline) return;
        if (IsMine(vm))
        {
            HeldFile.Write(vm.Directory, new HeldMark(HeldReason.Lease, vm.Generation, ""));
            if (!GuardMonitor.TryPause(vm.Socket)) GuardMonitor.Kill(vm.Process);
        }

        _book.Forget(vm.Vm);
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
