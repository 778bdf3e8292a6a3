using System.Runtime.InteropServices;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Tracking;

/// <summary>
/// The ioctls of a userfaultfd and of <c>/proc/PID/pagemap</c> that track writes (include/uapi/linux/userfaultfd.h,
/// fs.h; man 2 ioctl_userfaultfd, PAGEMAP_SCAN). Tracking is asynchronous: the kernel notes the write and lets the
/// guest go on, nobody has to answer a fault.
/// </summary>
internal static unsafe class UserFault
{
    /// <summary>
    /// O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY: the last is what an unprivileged process may ask for.
    /// </summary>
    internal const int CreateFlags = 0x80801;

    /// <summary>
    /// Longest range that one scan call arms: bounds the time for which the guest's faults wait (0.16 ms).
    /// </summary>
    internal const long ScanBytesMax = 16L * 1024 * 1024;

    /// <summary>Regions that one scan can return: every second page of <see cref="ScanBytesMax"/>.</summary>
    internal const int RegionsMax = (int)(ScanBytesMax / 4096 / 2) + 1;

    /// <summary>Features asked for: shared memory, pages not populated yet, asynchronous write protection.</summary>
    internal const ulong Features = (1 << 12) | (1 << 13) | (1 << 15);

    private const ulong ApiVersion = 0xAA, ModeWriteProtect = 2;
    private const long IoctlApi = 0xC018AA3F, IoctlRegister = 0xC020AA00, IoctlUnregister = 0x8010AA01;
    private const long IoctlScan = 0xC0606610;
    private const ulong ScanWriteProtect = 1, ScanCheckAsync = 2, CategoryWritten = 2;

    /// <summary>One run of written pages.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Region
    {
        internal ulong Start, End, Categories;
    }

    /// <summary>Negotiates <see cref="Features"/> on a new userfaultfd.</summary>
    internal static SystemError? Enable(FileDescriptor fault)
    {
        ApiArgument argument = new() { Api = ApiVersion, Features = Features };
        if (Sys.Call(Sys.Ioctl, fault.Number, unchecked((nint)IoctlApi), (nint)(&argument)) == 0) return null;
        return SystemError.Last("ioctl(UFFDIO_API)", "write-protect-async", "needs Linux 6.7 or newer");
    }

    /// <summary>Starts tracking of <paramref name="range"/>. EBUSY: another userfaultfd has it.</summary>
    internal static SystemError? Register(FileDescriptor fault, AddressRange range)
    {
        RegisterArgument argument = new()
        {
            Start = range.Start, Bytes = (ulong)range.Bytes, Mode = ModeWriteProtect,
        };
        if (Sys.Call(Sys.Ioctl, fault.Number, unchecked((nint)IoctlRegister), (nint)(&argument)) == 0) return null;
        return SystemError.Last("ioctl(UFFDIO_REGISTER)", range.ToString());
    }

    /// <summary>Ends tracking of <paramref name="range"/>; its pages are writable without a fault again.</summary>
    internal static SystemError? Unregister(FileDescriptor fault, AddressRange range)
    {
        ulong* argument = stackalloc ulong[] { range.Start, (ulong)range.Bytes };
        if (Sys.Call(Sys.Ioctl, fault.Number, unchecked((nint)IoctlUnregister), (nint)argument) == 0) return null;
        return SystemError.Last("ioctl(UFFDIO_UNREGISTER)", range.ToString());
    }

    /// <summary>
    /// Returns and re-arms in one step the pages of <paramref name="range"/> that were written; how many regions were
    /// filled in, or -1 with errno set. <paramref name="walked"/> is where to go on.
    /// </summary>
    internal static int Scan(FileDescriptor pagemap, AddressRange range, Span<Region> into, out ulong walked)
    {
        fixed (Region* regions = into)
        {
            ScanArgument argument = new()
            {
                Size = (ulong)sizeof(ScanArgument),
                Flags = ScanWriteProtect | ScanCheckAsync,
                Start = range.Start,
                End = range.End,
                Regions = (ulong)regions,
                RegionsMax = (ulong)into.Length,
                CategoryMask = CategoryWritten,
                ReturnMask = CategoryWritten,
            };
            nint count = Sys.CallUninterrupted(
                Sys.Ioctl, pagemap.Number, unchecked((nint)IoctlScan), (nint)(&argument));
            walked = argument.WalkEnd;
            return (int)count;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ApiArgument
    {
        internal ulong Api, Features, Ioctls;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct RegisterArgument
    {
        internal ulong Start, Bytes, Mode, Ioctls;
    }

    /// <summary>struct pm_scan_arg, 96 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ScanArgument
    {
        internal ulong Size, Flags, Start, End, WalkEnd, Regions, RegionsMax, PagesMax;
        internal ulong CategoryInverted, CategoryMask, CategoryAnyOfMask, ReturnMask;
    }
}
