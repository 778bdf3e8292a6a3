using System.Runtime.InteropServices;

namespace Umbra.Linux.Interop;

/// <summary>Descriptors of processes (man 2 pidfd_open): they never come to mean another process.</summary>
internal static unsafe class Pidfd
{
    private const short PollIn = 1;

    internal static Outcome<FileDescriptor> Open(int pid)
    {
        nint result = Sys.Call(Sys.PidfdOpen, pid, 0);
        if (result >= 0) return new FileDescriptor(result);
        string hint = Marshal.GetLastPInvokeError() == Errno.SRCH ? "the process is gone" : "";
        return SystemError.Last("pidfd_open", $"process {pid}", hint);
    }

    /// <summary>A copy, in this process, of descriptor <paramref name="number"/> of that process.</summary>
    internal static Outcome<FileDescriptor> Take(FileDescriptor pidfd, int number)
    {
        nint result = Sys.Call(Sys.PidfdGetfd, pidfd.Number, number, 0);
        return result < 0 ? SystemError.Last("pidfd_getfd", $"descriptor {number}") : new FileDescriptor(result);
    }

    internal static bool HasExited(FileDescriptor pidfd)
    {
        PollEntry entry = new() { Descriptor = (int)pidfd.Number, Events = PollIn };
        return Sys.CallUninterrupted(Sys.Poll, (nint)(&entry), 1, 0) > 0;
    }

    internal static SystemError? Signal(FileDescriptor pidfd, int signal, string target)
    {
        if (Sys.Call(Sys.PidfdSendSignal, pidfd.Number, signal, 0, 0) == 0) return null;
        return SystemError.Last("pidfd_send_signal", $"{target}, {signal}");
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct PollEntry
    {
        internal int Descriptor;
        internal short Events, Returned;
    }
}
