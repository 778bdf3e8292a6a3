using Umbra.Linux.Interop;

namespace Umbra.Linux.Files;

/// <summary>A file that is only appended to, made durable on demand. One thread at a time.</summary>
public sealed unsafe class AppendLog : IDisposable
{
    private readonly FileDescriptor _file;
    private readonly string _path;

    private AppendLog(FileDescriptor file, string path, long bytes)
    {
        _file = file;
        _path = path;
        Bytes = bytes;
    }

    /// <summary>Size of what was appended whole, bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Opens or creates (durably) the log at <paramref name="path"/>.</summary>
    public static Outcome<AppendLog> Open(string path)
    {
        Outcome<FileDescriptor> file = FileDescriptor.Open(
            path, FileDescriptor.ReadWrite | FileDescriptor.Create | FileDescriptor.Append);
        if (!file.IsOk) return file.Error;
        nint end = Sys.CallUninterrupted(Sys.Lseek, file.Value.Number, 0, 2);
        SystemError? error = end < 0 ? SystemError.Last("lseek", path) : DurableFile.FlushDirectoryOf(path);
        if (error is null) return new AppendLog(file.Value, path, end);
        file.Value.Dispose();
        return error;
    }

    /// <summary>
    /// Appends <paramref name="record"/>. After an error nothing of it is left, as far as the disk allows.
    /// </summary>
    public SystemError? Append(ReadOnlySpan<byte> record)
    {
        if (WriteAll(_file, record, _path) is { } error)
        {
            _ = Sys.CallUninterrupted(Sys.Ftruncate, _file.Number, (nint)Bytes);
            return error;
        }

        Bytes += record.Length;
        return null;
    }

    /// <summary>Makes everything appended durable (fdatasync).</summary>
    public SystemError? Flush() =>
        Sys.CallUninterrupted(Sys.Fdatasync, _file.Number) < 0 ? SystemError.Last("fdatasync", _path) : null;

    /// <summary>
    /// Cuts the log to its first <paramref name="bytes"/>: a torn tail found when reading it, or all of it.
    /// </summary>
    public SystemError? Truncate(long bytes)
    {
        if (Sys.CallUninterrupted(Sys.Ftruncate, _file.Number, (nint)bytes) < 0)
            return SystemError.Last("ftruncate", $"{_path}, {bytes}");
        Bytes = bytes;
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    internal static SystemError? WriteAll(FileDescriptor file, ReadOnlySpan<byte> data, string path)
    {
        fixed (byte* start = data)
        {
            int done = 0;
            while (done < data.Length)
            {
                nint count = Sys.CallUninterrupted(Sys.Write, file.Number, (nint)(start + done), data.Length - done);
                if (count < 0) return SystemError.Last("write", $"{path}, {data.Length}");
                done += (int)count;
            }
        }

        return null;
    }
}
