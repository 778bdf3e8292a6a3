using System.Text;

namespace Umbra.Linux.Interop;

/// <summary>Calls that take nothing but paths.</summary>
internal static unsafe class Paths
{
    internal static SystemError? Rename(string from, string to)
    {
        fixed (byte* source = Terminated(from), target = Terminated(to))
        {
            if (Sys.Call(Sys.Rename, (nint)source, (nint)target) == 0) return null;
            return SystemError.Last("rename", $"{from}, {to}");
        }
    }

    internal static SystemError? Unlink(string path)
    {
        fixed (byte* name = Terminated(path))
        {
            return Sys.Call(Sys.Unlink, (nint)name) == 0 ? null : SystemError.Last("unlink", path);
        }
    }

    /// <summary>The path as the kernel wants it: UTF-8 and a zero byte.</summary>
    internal static byte[] Terminated(string path) => Encoding.UTF8.GetBytes(path + '\0');
}
