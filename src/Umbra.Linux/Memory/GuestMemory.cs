using Umbra.Core.Basics;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Memory;

/// <summary>How a guest's RAM file is mapped.</summary>
public enum MemoryAccess
{
    /// <summary>Read only: a running guest's RAM, which is never written from outside.</summary>
    Read,

    /// <summary>Read and write: a shadow's RAM.</summary>
    ReadWrite,
}

/// <summary>
/// A guest's RAM, mapped shared from its backing file (a path on tmpfs, <c>/proc/PID/fd/N</c> of a memfd, or
/// <c>/proc/PID/map_files/...</c>). Spans point into the mapping and are valid until <see cref="Dispose"/>, which the
/// owner calls when nobody uses them any more. A running guest changes the bytes under the reader: whoever needs a
/// stable page copies it first. Reads are safe from any number of threads.
/// </summary>
public sealed unsafe class GuestMemory : IDisposable
{
    private const int ProtectRead = 1, ProtectWrite = 2, MapShared = 1, MapNoReserve = 0x4000;
    private const int FallocateKeepSize = 1, FallocatePunchHole = 2, SeekEnd = 2, SeekData = 3, SeekHole = 4;
    private const int LockExclusive = 2, LockNonBlocking = 4;

    private readonly FileDescriptor _file;
    private readonly bool _writable;
    private byte* _start;

    private GuestMemory(FileDescriptor file, string path, byte* start, long bytes, bool writable)
    {
        _file = file;
        Path = path;
        _start = start;
        Bytes = bytes;
        _writable = writable;
    }

    /// <summary>Unmaps memory that nobody disposed.</summary>
    ~GuestMemory() => Unmap();

    /// <summary>Where the file was opened.</summary>
    public string Path { get; }

    /// <summary>Size, bytes; a whole number of pages.</summary>
    public long Bytes { get; }

    /// <summary>Size, pages of <see cref="Sizes.Page"/> bytes.</summary>
    public long PageCount => Bytes / Sizes.Page;

    /// <summary>
    /// Maps the existing file at <paramref name="path"/>, whose size must be <paramref name="bytes"/>.
    /// </summary>
    public static Outcome<GuestMemory> Open(string path, long bytes, MemoryAccess access)
    {
        int flags = access == MemoryAccess.ReadWrite ? FileDescriptor.ReadWrite : FileDescriptor.ReadOnly;
        Outcome<FileDescriptor> file = FileDescriptor.Open(path, flags);
        return file.IsOk ? Map(file.Value, path, bytes, access) : file.Error;
    }

    /// <summary>
    /// Creates a sparse RAM file of <paramref name="bytes"/> zeroes, which must not exist yet, and maps it writable.
    /// On tmpfs it takes memory only for the pages that get written.
    /// </summary>
    public static Outcome<GuestMemory> Create(string path, long bytes)
    {
        const int flags = FileDescriptor.ReadWrite | FileDescriptor.Create | FileDescriptor.Exclusive;
        Outcome<FileDescriptor> file = FileDescriptor.Open(path, flags);
        if (!file.IsOk) return file.Error;
        Outcome<GuestMemory> mapped = Sys.CallUninterrupted(Sys.Ftruncate, file.Value.Number, (nint)bytes) < 0
            ? SystemError.Last("ftruncate", $"{path}, {bytes}")
            : Map(file.Value, path, bytes, MemoryAccess.ReadWrite);
        if (!mapped.IsOk)
        {
            file.Value.Dispose();
            File.Delete(path);
        }

        return mapped;
    }

    /// <summary>
    /// The page at <paramref name="index"/>. Reading a hole of a sparse file makes the kernel fill it.
    /// </summary>
    public ReadOnlySpan<byte> Page(long index) => Pages(index, 1);

    /// <summary><paramref name="count"/> consecutive pages from <paramref name="first"/> on.</summary>
    public ReadOnlySpan<byte> Pages(long first, int count)
    {
        CheckRange(first, count);
        return new ReadOnlySpan<byte>(_start + (first * Sizes.Page), count * Sizes.Page);
    }

    /// <summary>The page at <paramref name="index"/>, to be written to. Only of memory opened for writing.</summary>
    public Span<byte> WritablePage(long index)
    {
        CheckRange(index, 1);
        Invariant.Holds(_writable, "guest memory opened for writing");
        return new Span<byte>(_start + (index * Sizes.Page), Sizes.Page);
    }

    /// <summary>
    /// Copies the page at <paramref name="index"/> into the first 4096 bytes of <paramref name="into"/>.
    /// </summary>
    public void CopyPage(long index, Span<byte> into) => Page(index).CopyTo(into);

    /// <summary>
    /// Copies the pages at <paramref name="indexes"/> one after the other into <paramref name="into"/>.
    /// </summary>
    public void CopyPages(ReadOnlySpan<long> indexes, Span<byte> into)
    {
        int done = 0;
        while (done < indexes.Length)
        {
            // Runs of neighbours are one copy: 13.6 GB/s instead of 7.4 for single pages.
            int run = 1;
            while (done + run < indexes.Length && indexes[done + run] == indexes[done] + run) run++;
            Pages(indexes[done], run).CopyTo(into[(done * Sizes.Page)..]);
            done += run;
        }
    }

    /// <summary>Writes one page. Only of memory opened for writing.</summary>
    public void WritePage(long index, ReadOnlySpan<byte> page)
    {
        Invariant.Holds(page.Length == Sizes.Page);
        page.CopyTo(WritablePage(index));
    }

    /// <summary>
    /// Has the file system set memory aside for every page, so that no later write can fail (on a full tmpfs it would
    /// end the process by SIGBUS). Pages that are there keep their content.
    /// </summary>
    public SystemError? Reserve()
    {
        Invariant.Holds(_writable, "guest memory opened for writing");
        nint result = Sys.CallUninterrupted(Sys.Fallocate, _file.Number, 0, 0, (nint)Bytes);
        return result < 0 ? SystemError.Last("fallocate", $"{Path}, {Bytes}") : null;
    }

    /// <summary>Turns pages into holes that read as zero, and gives their memory back to the host.</summary>
    public SystemError? PunchHole(long firstPage, long count)
    {
        CheckRange(firstPage, count);
        Invariant.Holds(_writable, "guest memory opened for writing");
        nint result = Sys.CallUninterrupted(
            Sys.Fallocate, _file.Number, FallocateKeepSize | FallocatePunchHole,
            (nint)(firstPage * Sizes.Page), (nint)(count * Sizes.Page));
        return result < 0 ? SystemError.Last("fallocate(PUNCH_HOLE)", Path) : null;
    }

    /// <summary>
    /// The first page from <paramref name="fromPage"/> on that has memory behind it (is no hole), or
    /// <see cref="PageCount"/>. Pages skipped this way are zero, and are not filled by being looked at.
    /// </summary>
    public long NextDataPage(long fromPage) => Seek(fromPage, SeekData);

    /// <summary>
    /// The first page from <paramref name="fromPage"/> on that is a hole, or <see cref="PageCount"/>.
    /// </summary>
    public long NextHolePage(long fromPage) => Seek(fromPage, SeekHole);

    /// <summary>
    /// Marks this memory as the one that is tracked (flock on the RAM file), so that two agents never take dirty pages
    /// away from each other. Freed with this object, or with the process however it dies.
    /// </summary>
    internal SystemError? LockForTracking()
    {
        if (Sys.CallUninterrupted(Sys.Flock, _file.Number, LockExclusive | LockNonBlocking) == 0) return null;
        return SystemError.Last("flock", Path, "another process tracks this guest's memory");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Unmap();
        _file.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Outcome<GuestMemory> Map(FileDescriptor file, string path, long bytes, MemoryAccess access)
    {
        SystemError? wrong = CheckSize(file, path, bytes);
        bool writable = access == MemoryAccess.ReadWrite;
        nint start = 0;
        if (wrong is null)
        {
            int protection = ProtectRead | (writable ? ProtectWrite : 0);
            start = Sys.Call(Sys.Mmap, 0, (nint)bytes, protection, MapShared | MapNoReserve, file.Number, 0);
            if (start == -1) wrong = SystemError.Last("mmap", $"{path}, {bytes}");
        }

        if (wrong is null) return new GuestMemory(file, path, (byte*)start, bytes, writable);
        file.Dispose();
        return wrong;
    }

    private static SystemError? CheckSize(FileDescriptor file, string path, long bytes)
    {
        if (bytes <= 0 || bytes % Sizes.Page != 0)
            return new SystemError("mmap", $"{path}, {bytes}", Errno.INVAL, "size must be a number of whole pages");
        nint actual = Sys.CallUninterrupted(Sys.Lseek, file.Number, 0, SeekEnd);
        if (actual < 0) return SystemError.Last("lseek", path);
        if (actual == bytes) return null;
        return new SystemError("mmap", path, 0, $"the file has {actual} bytes where the VM has {bytes} of RAM");
    }

    private long Seek(long fromPage, int whence)
    {
        if (fromPage >= PageCount) return PageCount;
        nint offset = Sys.CallUninterrupted(Sys.Lseek, _file.Number, (nint)(fromPage * Sizes.Page), whence);
        // ENXIO: nothing but a hole up to the end. A file system without holes answers with the offset itself.
        return offset < 0 ? PageCount : Math.Min(PageCount, offset / Sizes.Page);
    }

    private void CheckRange(long first, long count)
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        Invariant.Holds(first >= 0 && count >= 0 && first <= PageCount - count, "page range within guest memory");
    }

    private void Unmap()
    {
        if (_start == null) return;
        _ = Sys.Call(Sys.Munmap, (nint)_start, (nint)Bytes);
        _start = null;
    }
}
