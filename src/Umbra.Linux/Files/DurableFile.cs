using Umbra.Linux.Interop;

namespace Umbra.Linux.Files;

/// <summary>Small files that are either the old or the new version after a crash, never something between.</summary>
public static class DurableFile
{
    private const string TemporarySuffix = ".new";

    /// <summary>
    /// Replaces (or creates) <paramref name="path"/> by <paramref name="content"/>: written beside, fsync, rename,
    /// fsync of the directory. After an error the old version is still there. One writer at a time per path.
    /// </summary>
    public static SystemError? Replace(string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + TemporarySuffix;
        if ((WriteNew(temporary, content) ?? Paths.Rename(temporary, path)) is not { } error)
            return FlushDirectoryOf(path);
        _ = Paths.Unlink(temporary); // What is left is overwritten by the next replacement.
        return error;
    }

    /// <summary>
    /// The first half of <see cref="Replace"/>, for a time when nobody waits: the content is on the disk beside
    /// <paramref name="path"/>, which stays as it is. Any <see cref="Replace"/> of it undoes that.
    /// </summary>
    public static SystemError? Stage(string path, ReadOnlySpan<byte> content) =>
        WriteNew(path + TemporarySuffix, content);

    /// <summary>The second half: what was staged takes the place of <paramref name="path"/>, durably.</summary>
    public static SystemError? PutStaged(string path) =>
        Paths.Rename(path + TemporarySuffix, path) ?? FlushDirectoryOf(path);

    /// <summary>
    /// Removes <paramref name="path"/> so that it stays removed after a crash; none there is fine too.
    /// </summary>
    public static SystemError? Delete(string path)
    {
        SystemError? error = Paths.Unlink(path);
        if (error is { Errno: Errno.NOENT }) return null;
        return error ?? FlushDirectoryOf(path);
    }

    /// <summary>
    /// The whole file; null value without error when there is none. More than <paramref name="bytesMax"/> is an error.
    /// </summary>
    public static Outcome<byte[]?> Read(string path, int bytesMax)
    {
        Outcome<DiskFile> file = DiskFile.Open(path, writable: false);
        if (!file.IsOk) return file.Error.Errno == Errno.NOENT ? new Outcome<byte[]?>(null, null) : file.Error;
        using DiskFile open = file.Value;
        Outcome<long> size = open.Size();
        if (!size.IsOk) return size.Error;
        if (size.Value > bytesMax)
            return new SystemError("read", path, Errno.FBIG, $"{size.Value} bytes where {bytesMax} are the limit");
        byte[] content = new byte[size.Value];
        return open.Read(0, content) is { } error ? error : content;
    }

    /// <summary>Makes names created, renamed or removed in the directory of <paramref name="path"/> durable.</summary>
    public static SystemError? FlushDirectoryOf(string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        Outcome<FileDescriptor> opened = FileDescriptor.Open(directory, FileDescriptor.Directory);
        if (!opened.IsOk) return opened.Error;
        using FileDescriptor descriptor = opened.Value;
        return Sys.CallUninterrupted(Sys.Fsync, descriptor.Number) < 0 ? SystemError.Last("fsync", directory) : null;
    }

    private static SystemError? WriteNew(string path, ReadOnlySpan<byte> content)
    {
        const int flags = FileDescriptor.ReadWrite | FileDescriptor.Create | FileDescriptor.Truncate;
        Outcome<FileDescriptor> opened = FileDescriptor.Open(path, flags);
        if (!opened.IsOk) return opened.Error;
        using FileDescriptor file = opened.Value;
        return AppendLog.WriteAll(file, content, path)
            ?? (Sys.CallUninterrupted(Sys.Fsync, file.Number) < 0 ? SystemError.Last("fsync", path) : null);
    }
}
