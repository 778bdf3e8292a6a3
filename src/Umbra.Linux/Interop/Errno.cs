namespace Umbra.Linux.Interop;

/// <summary>Error numbers of x86-64 Linux (include/uapi/asm-generic/errno.h) that the product tells apart.</summary>
internal static class Errno
{
    internal const int PERM = 1;
    internal const int NOENT = 2;
    internal const int SRCH = 3;
    internal const int INTR = 4;
    internal const int IO = 5;
    internal const int NXIO = 6;
    internal const int BADF = 9;
    internal const int AGAIN = 11;
    internal const int NOMEM = 12;
    internal const int ACCES = 13;
    internal const int FAULT = 14;
    internal const int BUSY = 16;
    internal const int EXIST = 17;
    internal const int NODEV = 19;
    internal const int NOTDIR = 20;
    internal const int ISDIR = 21;
    internal const int INVAL = 22;
    internal const int MFILE = 24;
    internal const int NOTTY = 25;
    internal const int FBIG = 27;
    internal const int NOSPC = 28;
    internal const int ROFS = 30;
    internal const int PIPE = 32;
    internal const int NOSYS = 38;
    internal const int OPNOTSUPP = 95;
    internal const int TIMEDOUT = 110;
    internal const int DQUOT = 122;
}

/// <summary>Symbols of the error numbers, for messages.</summary>
internal static class ErrnoNames
{
    private static readonly Dictionary<int, string> Known = new()
    {
        [Errno.PERM] = "EPERM", [Errno.NOENT] = "ENOENT", [Errno.SRCH] = "ESRCH", [Errno.INTR] = "EINTR",
        [Errno.IO] = "EIO", [Errno.NXIO] = "ENXIO", [Errno.BADF] = "EBADF", [Errno.AGAIN] = "EAGAIN",
        [Errno.NOMEM] = "ENOMEM", [Errno.ACCES] = "EACCES", [Errno.FAULT] = "EFAULT", [Errno.BUSY] = "EBUSY",
        [Errno.EXIST] = "EEXIST", [Errno.NODEV] = "ENODEV", [Errno.NOTDIR] = "ENOTDIR", [Errno.ISDIR] = "EISDIR",
        [Errno.INVAL] = "EINVAL", [Errno.MFILE] = "EMFILE", [Errno.NOTTY] = "ENOTTY", [Errno.FBIG] = "EFBIG",
        [Errno.NOSPC] = "ENOSPC", [Errno.ROFS] = "EROFS", [Errno.PIPE] = "EPIPE", [Errno.NOSYS] = "ENOSYS",
        [Errno.OPNOTSUPP] = "EOPNOTSUPP", [Errno.TIMEDOUT] = "ETIMEDOUT", [Errno.DQUOT] = "EDQUOT",
    };

    internal static string Of(int errno) => Known.TryGetValue(errno, out string? name) ? name : $"errno {errno}";
}
