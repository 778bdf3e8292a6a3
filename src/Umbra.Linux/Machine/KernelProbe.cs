using System.Diagnostics;
using System.Runtime.InteropServices;
using Umbra.Linux.Interop;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Machine;

/// <summary>
/// Tries what the product needs of the kernel on this process itself or on a helper that it starts, because version
/// numbers say nothing of sandboxes, capabilities and build options. Null: works.
/// </summary>
internal static unsafe class KernelProbe
{
    private const int Pages = 16, PageBytes = 4096, WrittenPage = 5;
    private const int ProtectReadWrite = 3, MapSharedAnonymous = 0x21;
    private const int KvmGetApiVersion = 0xAE00, KvmCreateVm = 0xAE01, KvmApiVersion = 12;

    /// <summary>Whether a userfaultfd can be made.</summary>
    internal static SystemError? UserFaultCall()
    {
        Outcome<FileDescriptor> made = Make();
        if (!made.IsOk) return made.Error;
        made.Value.Dispose();
        return null;
    }

    /// <summary>Tracks 16 pages of own shared memory, writes one and looks whether just that one is reported.</summary>
    internal static SystemError? PageTracking()
    {
        Outcome<FileDescriptor> made = Make();
        if (!made.IsOk) return made.Error;
        using FileDescriptor fault = made.Value;
        Outcome<FileDescriptor> opened = FileDescriptor.Open("/proc/self/pagemap", FileDescriptor.ReadOnly);
        if (!opened.IsOk) return opened.Error;
        using FileDescriptor pagemap = opened.Value;
        nint memory = Sys.Call(Sys.Mmap, 0, Pages * PageBytes, ProtectReadWrite, MapSharedAnonymous, -1, 0);
        if (memory == -1) return SystemError.Last("mmap", "16 pages");
        try
        {
            new Span<byte>((void*)memory, Pages * PageBytes).Fill(1);
            AddressRange range = new((ulong)memory, Pages * PageBytes);
            return UserFault.Enable(fault) ?? UserFault.Register(fault, range) ?? WriteAndScan(pagemap, range);
        }
        finally
        {
            _ = Sys.Call(Sys.Munmap, memory, Pages * PageBytes);
        }
    }

    /// <summary>Whether a process can be traced, and its descriptors taken.</summary>
    internal static (SystemError? Trace, SystemError? TakeDescriptor) OtherProcess()
    {
        Process helper;
        try
        {
            helper = Process.Start(new ProcessStartInfo("sleep", "60") { RedirectStandardInput = true })!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            SystemError none = new("start", "sleep", e.NativeErrorCode, "could not start a process to try it on");
            return (none, none);
        }

        try
        {
            SystemError? trace = null;
            Thread tracer = new(() => trace = Seize(helper.Id));
            tracer.Start();
            tracer.Join(); // Its end detaches.
            Outcome<FileDescriptor> pidfd = Pidfd.Open(helper.Id);
            if (!pidfd.IsOk) return (trace, pidfd.Error);
            using FileDescriptor process = pidfd.Value;
            Outcome<FileDescriptor> taken = Pidfd.Take(process, 0);
            if (taken.IsOk) taken.Value.Dispose();
            return (trace, taken.Error);
        }
        finally
        {
            helper.Kill();
            helper.WaitForExit();
            helper.Dispose();
        }
    }

    /// <summary>Whether KVM makes virtual machines here.</summary>
    internal static SystemError? Kvm()
    {
        Outcome<FileDescriptor> opened = FileDescriptor.Open("/dev/kvm", FileDescriptor.ReadWrite);
        if (!opened.IsOk) return opened.Error;
        using FileDescriptor kvm = opened.Value;
        nint version = Sys.Call(Sys.Ioctl, kvm.Number, KvmGetApiVersion, 0);
        if (version < 0) return SystemError.Last("ioctl(KVM_GET_API_VERSION)", "/dev/kvm");
        if (version != KvmApiVersion)
            return new SystemError("ioctl(KVM_GET_API_VERSION)", "/dev/kvm", 0, $"is {version}");
        nint machine = Sys.CallUninterrupted(Sys.Ioctl, kvm.Number, KvmCreateVm, 0);
        if (machine < 0) return SystemError.Last("ioctl(KVM_CREATE_VM)", "/dev/kvm");
        new FileDescriptor(machine).Dispose();
        return null;
    }

    private static SystemError? Seize(int pid) =>
        TracedThread.TrySeize(pid) ? null : SystemError.Last("ptrace(SEIZE)", $"process {pid}");

    private static Outcome<FileDescriptor> Make()
    {
        nint result = Sys.Call(Sys.Userfaultfd, UserFault.CreateFlags);
        return result < 0 ? SystemError.Last("userfaultfd", "USER_MODE_ONLY") : new FileDescriptor(result);
    }

    private static SystemError? WriteAndScan(FileDescriptor pagemap, AddressRange range)
    {
        Span<UserFault.Region> regions = stackalloc UserFault.Region[Pages];
        if (UserFault.Scan(pagemap, range, regions, out _) < 0)
            return SystemError.Last("ioctl(PAGEMAP_SCAN)", "own memory");
        ulong written = range.Start + (WrittenPage * PageBytes);
        Marshal.WriteByte((nint)written, 2);
        int count = UserFault.Scan(pagemap, range, regions, out _);
        if (count < 0) return SystemError.Last("ioctl(PAGEMAP_SCAN)", "own memory");
        bool exact = count == 1 && regions[0].Start == written && regions[0].End == written + PageBytes;
        if (exact) return null;
        return new SystemError("ioctl(PAGEMAP_SCAN)", "own memory", 0, "did not report just the written page");
    }
}
