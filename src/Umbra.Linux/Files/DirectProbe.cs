using System.Runtime.InteropServices;
using Umbra.Core.Basics;
using Umbra.Linux.Interop;
using Umbra.Linux.Processes;

namespace Umbra.Linux.Files;

/// <summary>What a filesystem took for one small write, flush and read past the page cache.</summary>
/// <param name="Write">Writing 4 KiB.</param>
/// <param name="Flush">Making that durable (fdatasync).</param>
/// <param name="Read">Reading 4 KiB that were written before.</param>
public readonly record struct DirectTimes(TimeSpan Write, TimeSpan Flush, TimeSpan Read);

/// <summary>
/// A small file whose only purpose is to be written and read with O_DIRECT, to see how quick its filesystem is. One
/// thread. The file is removed at the end; one that an earlier process left is used again.
/// </summary>
public sealed unsafe class DirectProbe : IDisposable
{
    private const int BlockBytes = 4 * Sizes.KiB, BlockCount = 16;
    private readonly FileDescriptor _file;
    private readonly string _path;
    private readonly byte* _block;
    private int _next;

    private DirectProbe(FileDescriptor file, string path)
    {
        (_file, _path) = (file, path);
        // Alignment to a page suits every device's sectors.
        _block = (byte*)NativeMemory.AlignedAlloc(BlockBytes, BlockBytes);
        new Span<byte>(_block, BlockBytes).Fill(0xA5);
    }

    /// <summary>Makes the file. EINVAL: its filesystem knows no direct I/O, as older tmpfs.</summary>
    public static Outcome<DirectProbe> Create(string path)
    {
        Outcome<FileDescriptor> file = FileDescriptor.Open(
            path, FileDescriptor.ReadWrite | FileDescriptor.Create | FileDescriptor.Direct);
        if (!file.IsOk) return file.Error;
        DirectProbe probe = new(file.Value, path);
        // Its blocks are given once: later writes change data alone, and no filesystem's journal is measured.
        for (int i = 0; i < BlockCount; i++)
        {
            if (probe.Transfer(Sys.Pwrite, "pwrite", i) is not { } error) continue;
            probe.Dispose();
            return error;
        }

        return probe;
    }

    /// <summary>
    /// Writes, flushes and reads a block, and says how long each took, less what the thread waited for a CPU.
    /// </summary>
    public Outcome<DirectTimes> Run()
    {
        int write = _next, read = (_next + 1) % BlockCount;
        _next = read;
        var clock = new DutyClock();
        if (Transfer(Sys.Pwrite, "pwrite", write) is { } notWritten) return notWritten;
        TimeSpan written = clock.Lap();
        if (Sys.CallUninterrupted(Sys.Fdatasync, _file.Number) < 0) return SystemError.Last("fdatasync", _path);
        TimeSpan flushed = clock.Lap();
        if (Transfer(Sys.Pread, "pread", read) is { } notRead) return notRead;
        return new DirectTimes(written, flushed, clock.Lap());
    }

    /// <summary>Closes and removes the file.</summary>
    public void Dispose()
    {
        if (_file.IsClosed) return;
        _file.Dispose();
        _ = Paths.Unlink(_path);
        NativeMemory.AlignedFree(_block);
    }

    private SystemError? Transfer(int call, string name, int index)
    {
        nint count = Sys.CallUninterrupted(call, _file.Number, (nint)_block, BlockBytes, index * BlockBytes);
        if (count == BlockBytes) return null;
        return count < 0
            ? SystemError.Last(name, _path)
            : new SystemError(name, _path, 0, $"{count} bytes of {BlockBytes}");
    }
}
