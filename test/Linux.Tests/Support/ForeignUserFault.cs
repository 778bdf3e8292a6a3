using System.Runtime.InteropServices;
using Umbra.Linux.Interop;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Tests.Support;

/// <summary>Uses a userfaultfd as another program would: for missing pages, not for asynchronous tracking.</summary>
internal static class ForeignUserFault
{
    private const ulong Api = 0xAA, MissingShmem = 1 << 5, ModeMissing = 1;

    public static void RegisterWithoutAsync(FileDescriptor fault, AddressRange range)
    {
        Ioctl(fault, 0xC018AA3F, [Api, MissingShmem, 0]);
        Ioctl(fault, 0xC020AA00, [range.Start, (ulong)range.Bytes, ModeMissing, 0]);
    }

    private static void Ioctl(FileDescriptor fault, long request, ulong[] argument)
    {
        GCHandle pinned = GCHandle.Alloc(argument, GCHandleType.Pinned);
        nint result = Sys.Call(Sys.Ioctl, fault.Number, (nint)request, pinned.AddrOfPinnedObject());
        int errno = Marshal.GetLastPInvokeError();
        pinned.Free();
        Assert.True(result == 0, $"ioctl {request:x} failed with {errno}");
    }
}
