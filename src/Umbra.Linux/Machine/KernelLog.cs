using System.Runtime.InteropServices;
using System.Text;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Machine;

/// <summary>The kernel's log (<c>/dev/kmsg</c>; kernel: Documentation/ABI/testing/dev-kmsg).</summary>
public sealed class KernelLog : IDisposable
{
    // The kernel writes no longer record; a read with less space fails.
    private const int RecordBytesMax = 8192;

    private const int NonBlocking = 0x800;

    private readonly FileDescriptor _file;
    private readonly byte[] _buffer = new byte[RecordBytesMax];

    private KernelLog(FileDescriptor file) => _file = file;

    /// <summary>Opens the log; the first read gives its oldest record.</summary>
    public static Outcome<KernelLog> Open(string path = "/dev/kmsg")
    {
        Outcome<FileDescriptor> file = FileDescriptor.Open(path, FileDescriptor.ReadOnly | NonBlocking);
        return file.IsOk ? new KernelLog(file.Value) : file.Error;
    }

    /// <summary>The records there are, at most <paramref name="countMax"/>; never waits for one.</summary>
    /// <param name="countMax">Where to stop; the next call goes on from there.</param>
    /// <param name="lost">Whether records were overwritten before they were read.</param>
    public Outcome<string[]> Read(int countMax, out bool lost)
    {
        lost = false;
        List<string> records = [];
        while (records.Count < countMax)
        {
            nint count = ReadOne();
            if (count > 0) records.Add(Encoding.UTF8.GetString(_buffer, 0, (int)count));
            else if (count == 0) break;
            else if (Marshal.GetLastPInvokeError() == Errno.AGAIN) break;
            else if (Marshal.GetLastPInvokeError() == Errno.PIPE) lost = true;
            else return SystemError.Last("read", "/dev/kmsg");
        }

        return records.ToArray();
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private unsafe nint ReadOne()
    {
        fixed (byte* start = _buffer)
        {
            return Sys.CallUninterrupted(Sys.Read, _file.Number, (nint)start, RecordBytesMax);
        }
    }
}
