using Microsoft.Win32.SafeHandles;

namespace Umbra.Linux.Interop;

/// <summary>A file descriptor of this process, closed when released.</summary>
internal sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    internal const int ReadOnly = 0, ReadWrite = 2, Create = 0x40, Exclusive = 0x80, Truncate = 0x200;
    internal const int Append = 0x400, Direct = 0x4000, Directory = 0x10000, CloseOnExec = 0x80000;
    private const int CurrentDirectory = -100;

    internal FileDescriptor(nint descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The number, for calls made while this object is surely alive.</summary>
    internal nint Number => handle;

    /// <summary>Opens <paramref name="path"/>, always close-on-exec.</summary>
    internal static unsafe Outcome<FileDescriptor> Open(string path, int flags, int mode = 0x180)
    {
        if (path.Length == 0 || path.Contains('\0')) return new SystemError("open", path, Errno.INVAL);
        byte[] name = Paths.Terminated(path);
        fixed (byte* start = name)
        {
            nint result = Sys.CallUninterrupted(
                Sys.Openat, CurrentDirectory, (nint)start, flags | CloseOnExec, mode);
            if (result < 0) return SystemError.Last("open", path);
            return new FileDescriptor(result);
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Sys.Call(Sys.Close, handle) == 0;
}
