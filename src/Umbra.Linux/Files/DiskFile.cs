using System.Runtime.InteropServices;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Files;

/// <summary>
/// A disk image, block device or other large file, by positioned reads and writes. Every failure is a value: a full
/// disk (<see cref="SystemError.IsFull"/>) or an I/O error is something to handle, not a bug. Any number of threads, as
/// far as their ranges do not overlap.
/// </summary>
public sealed unsafe class DiskFile : IDisposable
{
    private const int KeepSize = 1, PunchHoleMode = 2, ZeroRangeMode = 16, SeekEnd = 2, SeekData = 3, SeekHole = 4;
    private const int ZeroBufferBytes = 64 * 1024;
    private readonly FileDescriptor _file;

    private DiskFile(FileDescriptor file, string path)
    {
        _file = file;
        Path = path;
    }

    /// <summary>Where it was opened.</summary>
    public string Path { get; }

    /// <summary>Opens an existing file or block device.</summary>
    public static Outcome<DiskFile> Open(string path, bool writable)
    {
        Outcome<FileDescriptor> file = FileDescriptor.Open(
            path, writable ? FileDescriptor.ReadWrite : FileDescriptor.ReadOnly);
        return file.IsOk ? new DiskFile(file.Value, path) : file.Error;
    }

    /// <summary>Creates a sparse file of <paramref name="bytes"/> zeroes; EEXIST when there is one already.</summary>
    public static Outcome<DiskFile> Create(string path, long bytes)
    {
        const int flags = FileDescriptor.ReadWrite | FileDescriptor.Create | FileDescriptor.Exclusive;
        Outcome<FileDescriptor> file = FileDescriptor.Open(path, flags);
        if (!file.IsOk) return file.Error;
        DiskFile disk = new(file.Value, path);
        if (disk.Resize(bytes) is not { } error) return disk;
        disk.Dispose();
        _ = Paths.Unlink(path);
        return error;
    }

    /// <summary>Current size, bytes; of a block device its capacity.</summary>
    public Outcome<long> Size()
    {
        nint end = Sys.CallUninterrupted(Sys.Lseek, _file.Number, 0, SeekEnd);
        return end < 0 ? SystemError.Last("lseek", Path) : (long)end;
    }

    /// <summary>
    /// Fills all of <paramref name="into"/> from <paramref name="offset"/>; an error when the file ends before.
    /// </summary>
    public SystemError? Read(long offset, Span<byte> into)
    {
        fixed (byte* start = into)
        {
            int done = 0;
            while (done < into.Length)
            {
                nint count = Sys.CallUninterrupted(
                    Sys.Pread, _file.Number, (nint)(start + done), into.Length - done, (nint)(offset + done));
                if (count < 0) return SystemError.Last("pread", $"{Path}, {into.Length} at {offset}");
                if (count == 0) return EndsBefore(offset, into.Length);
                done += (int)count;
            }
        }

        return null;
    }

    /// <summary>
    /// Writes all of <paramref name="data"/> at <paramref name="offset"/>. After an error an unknown part of the range
    /// is written.
    /// </summary>
    public SystemError? Write(long offset, ReadOnlySpan<byte> data)
    {
        fixed (byte* start = data)
        {
            int done = 0;
            while (done < data.Length)
            {
                nint count = Sys.CallUninterrupted(
                    Sys.Pwrite, _file.Number, (nint)(start + done), data.Length - done, (nint)(offset + done));
                if (count < 0) return SystemError.Last("pwrite", $"{Path}, {data.Length} at {offset}");
                done += (int)count;
            }
        }

        return null;
    }

    /// <summary>
    /// Makes the range read as zero, keeping its space; where the file system cannot, by writing zeroes.
    /// </summary>
    public SystemError? WriteZeroes(long offset, long bytes) => Deallocate(ZeroRangeMode | KeepSize, offset, bytes);

    /// <summary>
    /// Makes the range read as zero and frees its space; where the file system cannot, by writing zeroes.
    /// </summary>
    public SystemError? PunchHole(long offset, long bytes) => Deallocate(PunchHoleMode | KeepSize, offset, bytes);

    /// <summary>Makes everything written so far durable (fdatasync).</summary>
    public SystemError? Flush() =>
        Sys.CallUninterrupted(Sys.Fdatasync, _file.Number) < 0 ? SystemError.Last("fdatasync", Path) : null;

    /// <summary>Cuts or extends (sparsely) to <paramref name="bytes"/>.</summary>
    public SystemError? Resize(long bytes) =>
        Sys.CallUninterrupted(Sys.Ftruncate, _file.Number, (nint)bytes) < 0
            ? SystemError.Last("ftruncate", $"{Path}, {bytes}")
            : null;

    /// <summary>
    /// First offset from <paramref name="from"/> on that holds data, or null: only zeroes up to the end.
    /// </summary>
    public long? NextData(long from) => Seek(from, SeekData);

    /// <summary>
    /// First offset from <paramref name="from"/> on that is a hole (the end counts as one), or null behind it.
    /// </summary>
    public long? NextHole(long from) => Seek(from, SeekHole);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private SystemError EndsBefore(long offset, int bytes) =>
        new("pread", $"{Path}, {bytes} at {offset}", 0, "the file ends before");

    private SystemError? Deallocate(int mode, long offset, long bytes)
    {
        if (bytes == 0) return null;
        nint result = Sys.CallUninterrupted(Sys.Fallocate, _file.Number, mode, (nint)offset, (nint)bytes);
        if (result == 0) return null;
        if (Marshal.GetLastPInvokeError() == Errno.OPNOTSUPP) return FillWithZeroes(offset, bytes);
        return SystemError.Last("fallocate", $"{Path}, mode {mode}, {bytes} at {offset}");
    }

    private SystemError? FillWithZeroes(long offset, long bytes)
    {
        Outcome<long> size = Size();
        if (!size.IsOk) return size.Error;
        ReadOnlySpan<byte> zeroes = new byte[ZeroBufferBytes];
        // As fallocate with KEEP_SIZE: what lies behind the end is zero already.
        long end = Math.Min(offset + bytes, size.Value);
        while (offset < end)
        {
            int part = (int)Math.Min(zeroes.Length, end - offset);
            if (Write(offset, zeroes[..part]) is { } error) return error;
            offset += part;
        }

        return null;
    }

    private long? Seek(long from, int whence)
    {
        nint offset = Sys.CallUninterrupted(Sys.Lseek, _file.Number, (nint)from, whence);
        if (offset >= 0) return offset;
        // ENXIO is the answer "nothing there"; anything else means no hole detection: all of it counts as data.
        return whence == SeekData && Marshal.GetLastPInvokeError() != Errno.NXIO ? from : null;
    }
}
