using System.Runtime.InteropServices;

namespace Umbra.Linux.Interop;

/// <summary>
/// The door to the kernel: one import of libc's <c>syscall</c> and the numbers of x86-64
/// (arch/x86/entry/syscalls/syscall_64.tbl). Everything else in this project calls through here.
/// </summary>
internal static unsafe partial class Sys
{
    internal const int Mmap = 9, Munmap = 11, Madvise = 28, Ioctl = 16, Pread = 17, Pwrite = 18, Ptrace = 101;
    internal const int Poll = 7, Lseek = 8, Close = 3, Write = 1, Wait4 = 61, Kill = 62, Flock = 73, Fsync = 74;
    internal const int Fdatasync = 75, Ftruncate = 77, SchedYield = 24, Openat = 257, Fallocate = 285, Ppoll = 271;
    internal const int ProcessVmReadv = 310, MemfdCreate = 319, Userfaultfd = 323, RestartSyscall = 219, Read = 0;
    internal const int PidfdSendSignal = 424, PidfdOpen = 434, PidfdGetfd = 438, Socket = 41, Rename = 82, Unlink = 87;
    internal const int Gettid = 186, SchedSetaffinity = 203, ClockGettime = 228, SetMempolicy = 238, Mlockall = 151;

    /// <summary>Result of the call, or -1 with the error in <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Call(
        nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    /// <summary>As <see cref="Call"/>, repeated while a signal (the runtime's own, as a rule) interrupts it.</summary>
    internal static nint CallUninterrupted(
        nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0)
    {
        while (true)
        {
            nint result = Call(number, a, b, c, d, e, f);
            if (result >= 0 || Marshal.GetLastPInvokeError() != Errno.INTR) return result;
        }
    }
}
