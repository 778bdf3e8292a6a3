using System.Diagnostics;
using System.Reflection;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Tracking;

/// <summary>A userfaultfd made in another process.</summary>
/// <param name="Descriptor">Our copy of it; the original stays open there.</param>
/// <param name="StopTime">How long that process's main thread stood still for it.</param>
internal sealed record InjectedUserFault(FileDescriptor Descriptor, TimeSpan StopTime);

/// <summary>
/// Makes a userfaultfd inside a running emulator, whose code and command line know nothing of it: the main thread is
/// stopped in the poll it waits in, made to execute that same <c>syscall</c> instruction with other registers, and sent
/// back to repeat its poll. The order of steps is such that the death of this process at any point leaves the emulator
/// running: the kernel detaches, and the worst it sees is a poll that returned early. For that reason only a poll is
/// ever borrowed (a futex wait would not forgive a strange result), and no signal mask is touched.
/// </summary>
internal static unsafe class UserFaultInjection
{
    /// <summary>How long a target may keep its main thread away from poll before the injection gives up.</summary>
    internal static readonly TimeSpan AttemptsTimeMax = TimeSpan.FromSeconds(3);

    /// <summary>How long one stop may take to come about. Also the bound of the target's standstill.</summary>
    private static readonly TimeSpan StopTimeMax = TimeSpan.FromMilliseconds(200);

    private const int SysPoll = 7, SysPpoll = 271, SysRestart = 219;
    private const long NoGcBytes = 256 * 1024;

    private enum Attempt
    {
        Done,
        Again,
        Failed,
    }

    /// <summary>
    /// Runs it on <paramref name="pid"/>'s main thread (thread id = pid: the only one surely there and stoppable), from
    /// a thread of its own, because ptrace belongs to a thread.
    /// </summary>
    internal static Outcome<InjectedUserFault> Run(int pid, FileDescriptor pidfd)
    {
        Outcome<InjectedUserFault> outcome = default;
        Thread thread = new(() => outcome = RunHere(pid, pidfd)) { IsBackground = true, Name = "page tracking" };
        thread.Start();
        thread.Join();
        return outcome;
    }

    private static Outcome<InjectedUserFault> RunHere(int pid, FileDescriptor pidfd)
    {
        WarmUp();
        if (!TracedThread.TrySeize(pid))
            return SystemError.Last("ptrace(SEIZE)", $"process {pid}", SeizeHint());
        bool noGc = TryEnterNoGc();
        try
        {
            return Repeat(pid, pidfd);
        }
        finally
        {
            if (noGc) LeaveNoGc();
        }
    }

    private static Outcome<InjectedUserFault> Repeat(int pid, FileDescriptor pidfd)
    {
        long giveUp = Stopwatch.GetTimestamp() + (long)(AttemptsTimeMax.TotalSeconds * Stopwatch.Frequency);
        while (Stopwatch.GetTimestamp() < giveUp)
        {
            long start = Stopwatch.GetTimestamp();
            Attempt attempt = TryOnce(pid, (int)pidfd.Number, out nint result, out string failure);
            TimeSpan stop = Stopwatch.GetElapsedTime(start);
            if (attempt == Attempt.Done) return Finish(pid, result, stop);
            if (attempt == Attempt.Failed)
            {
                // Leaving the thread detaches; a target that is stopped for another reason stays as it is.
                return failure.Length == 0
                    ? new SystemError("ptrace", $"process {pid}", Errno.SRCH, "the process is gone")
                    : new SystemError("ptrace", $"process {pid}", Errno.BUSY, failure);
            }

            Thread.Sleep(2);
        }

        return new SystemError("ptrace", $"process {pid}", Errno.TIMEDOUT, "its main thread never waited in poll");
    }

    /// <summary>
    /// One stop: interrupt, borrow the poll, take the descriptor, send back. Allocates nothing, because the target
    /// stands still meanwhile. <paramref name="result"/>: our copy, or minus the error number.
    /// </summary>
    private static Attempt TryOnce(int tid, int pidfd, out nint result, out string failure)
    {
        result = 0;
        failure = "";
        long deadline = Stopwatch.GetTimestamp() + (long)(StopTimeMax.TotalSeconds * Stopwatch.Frequency);
        if (!TracedThread.Interrupt(tid)) return Attempt.Failed;
        TraceStop stop = TracedThread.WaitForStop(tid, deadline, out int signal);
        if (stop == TraceStop.Gone) return Attempt.Failed;
        if (stop == TraceStop.Signal) return PassOn(tid, signal);
        if (stop != TraceStop.Interrupt)
        {
            failure = stop == TraceStop.Group ? "it is stopped by a signal" : "it did not stop in time";
            return Attempt.Failed;
        }

        TracedThread.Registers saved, changed;
        if (!TracedThread.Read(tid, &saved)) return Attempt.Failed;
        if (!WaitsInPoll(tid, &saved)) return PassOn(tid, 0);
        changed = saved;
        changed.Rax = Sys.Userfaultfd;
        changed.Rdi = UserFault.CreateFlags;
        changed.Rip = saved.Rip - 2;
        changed.OriginalRax = ulong.MaxValue;
        if (!TracedThread.Write(tid, &changed)) return Attempt.Failed;
        bool ran = StepToEntry(tid, deadline, out signal) && StepToExit(tid, deadline, &changed);
        if (ran) result = Take(pidfd, changed.Rax);
        RepeatPoll(&saved);
        if (!TracedThread.Write(tid, &saved)) return Attempt.Failed;
        if (ran) return TracedThread.Detach(tid, 0) ? Attempt.Done : Attempt.Failed;
        return PassOn(tid, signal);
    }

    private static Attempt PassOn(int tid, int signal) =>
        TracedThread.Continue(tid, signal) ? Attempt.Again : Attempt.Failed;

    private static bool StepToEntry(int tid, long deadline, out int signal)
    {
        signal = 0;
        if (!TracedThread.ContinueToSystemCall(tid)) return false;
        TraceStop stop = TracedThread.WaitForStop(tid, deadline, out int stoppedBy);
        if (stop == TraceStop.Signal) signal = stoppedBy;
        return stop == TraceStop.SystemCall;
    }

    private static bool StepToExit(int tid, long deadline, TracedThread.Registers* registers) =>
        TracedThread.ContinueToSystemCall(tid)
        && TracedThread.WaitForStop(tid, deadline, out _) == TraceStop.SystemCall
        && TracedThread.Read(tid, registers);

    private static nint Take(int pidfd, ulong number)
    {
        if ((long)number < 0) return (nint)(long)number;
        nint copy = Sys.Call(Sys.PidfdGetfd, pidfd, (nint)number, 0);
        return copy >= 0 ? copy : -Marshal.GetLastPInvokeError();
    }

    private static bool WaitsInPoll(int tid, TracedThread.Registers* registers) =>
        registers->OriginalRax is SysPoll or SysPpoll
        && IsRestart((long)registers->Rax)
        && TracedThread.HasSyscallInstruction(tid, registers->Rip - 2);

    /// <summary>ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK (include/linux/errno.h).</summary>
    private static bool IsRestart(long rax) => rax is -512 or -513 or -514 or -516;

    /// <summary>
    /// What the kernel does itself when it sends an interrupted thread back without a signal. It has to be done here,
    /// because on the way out of the borrowed call it would show the internal error number to the program.
    /// </summary>
    private static void RepeatPoll(TracedThread.Registers* saved)
    {
        saved->Rax = (long)saved->Rax == -516 ? SysRestart : saved->OriginalRax;
        saved->Rip -= 2;
        saved->OriginalRax = ulong.MaxValue;
    }

    private static Outcome<InjectedUserFault> Finish(int pid, nint result, TimeSpan stop)
    {
        if (result >= 0) return new InjectedUserFault(new FileDescriptor(result), stop);
        string hint = -result == Errno.NOSYS
            ? "the kernel has no userfaultfd (needs Linux 6.7), or a sandbox hides it"
            : "a seccomp filter on the process forbids it";
        return new SystemError("userfaultfd", $"in process {pid}", (int)-result, hint);
    }

    private static string SeizeHint() => Marshal.GetLastPInvokeError() switch
    {
        Errno.PERM => "it is traced by a debugger already, or this process lacks CAP_SYS_PTRACE",
        Errno.SRCH => "the process is gone",
        _ => "",
    };

    /// <summary>Compiles what runs while the target stands still: compiling then would cost it 2-9 ms.</summary>
    private static void WarmUp()
    {
        const BindingFlags all = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        foreach (MethodInfo method in typeof(UserFaultInjection).GetMethods(all))
            RuntimeHelpers.PrepareMethod(method.MethodHandle);
        foreach (MethodInfo method in typeof(TracedThread).GetMethods(all))
            RuntimeHelpers.PrepareMethod(method.MethodHandle);
        // No process has this number: every call is made once and refused.
        TracedThread.Registers none = default;
        _ = TracedThread.Read(-1, &none);
        _ = TracedThread.Write(-1, &none);
        _ = TracedThread.HasSyscallInstruction(-1, 0);
        _ = TracedThread.Detach(-1, 0);
        _ = TracedThread.WaitForStop(int.MaxValue, 0, out _);
        RepeatPoll(&none);
        _ = Take(-1, 0);
        _ = TryOnce(-1, -1, out _, out _);
    }

    private static bool TryEnterNoGc()
    {
        try
        {
            return GC.TryStartNoGCRegion(NoGcBytes);
        }
        catch (InvalidOperationException)
        {
            return false; // Somebody else in this process is in one.
        }
    }

    private static void LeaveNoGc()
    {
        try
        {
            if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion) GC.EndNoGCRegion();
        }
        catch (InvalidOperationException)
        {
            // Other threads allocated more than the region's budget and a collection has ended it.
        }
    }
}
