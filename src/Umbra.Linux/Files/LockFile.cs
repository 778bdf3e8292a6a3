using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Files;

/// <summary>
/// An exclusive lock by flock, so that one agent runs per state directory. The kernel frees it when the process ends,
/// however it ends; the file stays and holds the pid of its last owner.
/// </summary>
public sealed class LockFile : IDisposable
{
    private const int Exclusive = 2, NonBlocking = 4, PidBytesMax = 32;
    private readonly FileDescriptor _file;

    private LockFile(FileDescriptor file) => _file = file;

    /// <summary>
    /// Takes the lock at once or not at all; EAGAIN: another process has it, and the error says which.
    /// </summary>
    public static Outcome<LockFile> TryAcquire(string path)
    {
        Outcome<FileDescriptor> file = FileDescriptor.Open(path, FileDescriptor.ReadWrite | FileDescriptor.Create);
        if (!file.IsOk) return file.Error;
        if (Sys.CallUninterrupted(Sys.Flock, file.Value.Number, Exclusive | NonBlocking) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            file.Value.Dispose();
            return new SystemError("flock", path, errno, errno == Errno.AGAIN ? $"held by {OwnerOf(path)}" : "");
        }

        byte[] pid = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
        _ = Sys.CallUninterrupted(Sys.Ftruncate, file.Value.Number, 0);
        _ = AppendLog.WriteAll(file.Value, pid, path); // For people only: the lock holds without it.
        return new LockFile(file.Value);
    }

    /// <summary>Frees the lock.</summary>
    public void Dispose() => _file.Dispose();

    // Not by System.IO: that takes a flock of its own on what it reads, and would be refused.
    private static string OwnerOf(string path)
    {
        byte[] text = DurableFile.Read(path, PidBytesMax).Value ?? [];
        return text.Length == 0 ? "another process" : "process " + Encoding.ASCII.GetString(text).Trim();
    }
}
