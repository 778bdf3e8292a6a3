using System.Diagnostics;
using System.Runtime.InteropServices;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Tracking;

/// <summary>How a traced thread has stopped.</summary>
internal enum TraceStop
{
    /// <summary>It has not, within the time given.</summary>
    None,

    /// <summary>By our interrupt.</summary>
    Interrupt,

    /// <summary>At the entry or exit of a system call.</summary>
    SystemCall,

    /// <summary>A signal is about to be delivered to it.</summary>
    Signal,

    /// <summary>The whole process is stopped by SIGSTOP or the like.</summary>
    Group,

    /// <summary>It has exited.</summary>
    Gone,
}

/// <summary>
/// ptrace (man 2 ptrace) of one thread, seized: its tracer's death, of thread or process, sets it free. All calls must
/// come from the thread that seized. Every wait is bounded.
/// </summary>
internal static unsafe class TracedThread
{
    private const int Seize = 0x4206, InterruptRequest = 0x4207, GetRegs = 12, SetRegs = 13, PeekText = 1;
    private const int ContinueRequest = 7, DetachRequest = 17, SyscallRequest = 24, OptionSysGood = 1;
    private const int WaitNoHang = 1, WaitAllKinds = 0x40000000, SigTrap = 5, EventStop = 128;
    private const int SpinsMax = 500;

    /// <summary>struct user_regs_struct of x86-64, 27 words; the product uses four of them.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Registers
    {
        internal fixed ulong Words[27];

        internal ulong Rax
        {
            readonly get => Words[10];
            set => Words[10] = value;
        }

        internal ulong Rdi
        {
            readonly get => Words[14];
            set => Words[14] = value;
        }

        /// <summary>Number of the system call it is in, or all ones when in none.</summary>
        internal ulong OriginalRax
        {
            readonly get => Words[15];
            set => Words[15] = value;
        }

        internal ulong Rip
        {
            readonly get => Words[16];
            set => Words[16] = value;
        }
    }

    internal static bool TrySeize(int tid) => Request(Seize, tid, 0, OptionSysGood);

    internal static bool Interrupt(int tid) => Request(InterruptRequest, tid, 0, 0);

    internal static bool Continue(int tid, int signal) => Request(ContinueRequest, tid, 0, signal);

    /// <summary>Lets it run until the next entry or exit of a system call.</summary>
    internal static bool ContinueToSystemCall(int tid) => Request(SyscallRequest, tid, 0, 0);

    internal static bool Detach(int tid, int signal) => Request(DetachRequest, tid, 0, signal);

    internal static bool Read(int tid, Registers* into) => Request(GetRegs, tid, 0, (nint)into);

    internal static bool Write(int tid, Registers* from) => Request(SetRegs, tid, 0, (nint)from);

    /// <summary>Whether the two bytes at <paramref name="address"/> are a <c>syscall</c> instruction (0F 05).</summary>
    internal static bool HasSyscallInstruction(int tid, ulong address)
    {
        ulong word = 0;
        return Request(PeekText, tid, (nint)address, (nint)(&word)) && (word & 0xFFFF) == 0x050F;
    }

    /// <summary>Waits for its next stop until <paramref name="deadline"/> (stopwatch ticks).</summary>
    internal static TraceStop WaitForStop(int tid, long deadline, out int signal)
    {
        signal = 0;
        for (int i = 0; ; i++)
        {
            int status = 0;
            nint waited = Sys.Call(Sys.Wait4, tid, (nint)(&status), WaitNoHang | WaitAllKinds, 0);
            if (waited == tid) return Classify(status, out signal);
            if (waited < 0 && Marshal.GetLastPInvokeError() != Errno.INTR) return TraceStop.Gone;
            if (Stopwatch.GetTimestamp() > deadline) return TraceStop.None;
            if (i < SpinsMax) _ = Sys.Call(Sys.SchedYield);
            else Thread.Sleep(1);
        }
    }

    private static TraceStop Classify(int status, out int signal)
    {
        signal = (status >> 8) & 0xFF;
        if ((status & 0xFF) != 0x7F) return TraceStop.Gone;
        if (status >> 16 == EventStop) return signal == SigTrap ? TraceStop.Interrupt : TraceStop.Group;
        return signal == (SigTrap | 0x80) ? TraceStop.SystemCall : TraceStop.Signal;
    }

    private static bool Request(int request, int tid, nint address, nint data) =>
        Sys.Call(Sys.Ptrace, request, tid, address, data) >= 0;
}
