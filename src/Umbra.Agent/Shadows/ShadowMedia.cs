using Umbra.Agent.State;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Linux;
using Umbra.Linux.Files;
using Umbra.Linux.Memory;

namespace Umbra.Agent.Shadows;

/// <summary>
/// A shadow's RAM on tmpfs, its disk images and its files, on one host. Used by one thread at a time.
/// </summary>
internal sealed class ShadowMedia(VmPaths paths, string bootId) : IShadowMedia, IDisposable
{
    private readonly Dictionary<string, DiskFile> _disks = new(StringComparer.Ordinal);
    private readonly Dictionary<(ShadowVolume, string), DiskFile> _files = [];

    /// <summary>Files on the disk whose names are durable: those of an earlier agent may not be.</summary>
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);
    private GuestMemory? _memory;

    /// <inheritdoc/>
    public string BootToken => bootId;

    private GuestMemory Memory => _memory ?? throw new InvalidOperationException("the shadow's memory is not prepared");

    /// <inheritdoc/>
    public CallOutcome PrepareMemory(long pageCount)
    {
        if (_memory?.PageCount == pageCount) return CallOutcome.Done;
        _memory?.Dispose();
        _memory = null;
        long bytes = pageCount * Sizes.Page;
        Outcome<GuestMemory> memory = File.Exists(paths.Ram)
            ? GuestMemory.Open(paths.Ram, bytes, MemoryAccess.ReadWrite)
            : GuestMemory.Create(paths.Ram, bytes);
        if (!memory.IsOk) return Of(memory.Error);
        if (memory.Value.Reserve() is { } full)
        {
            memory.Value.Dispose();
            return CallOutcome.Failed($"no room for the shadow's memory: {full.Message}");
        }

        _memory = memory.Value;
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public void ReadPage(long page, Span<byte> destination) => Memory.CopyPage(page, destination);

    /// <inheritdoc/>
    public void WritePage(long page, ReadOnlySpan<byte> source) => Memory.WritePage(page, source);

    /// <inheritdoc/>
    public CallOutcome PrepareDisk(DiskGeometry disk)
    {
        if (_disks.ContainsKey(disk.Id)) return CallOutcome.Done;
        string path = paths.Disk(disk.Id);
        Outcome<DiskFile> file = File.Exists(path)
            ? DiskFile.Open(path, writable: true) : DiskFile.Create(path, disk.Bytes);
        if (!file.IsOk) return Of(file.Error);
        Outcome<long> size = file.Value.Size();
        if (!size.IsOk || size.Value != disk.Bytes)
        {
            file.Value.Dispose();
            return size.IsOk
                ? CallOutcome.Failed($"{path} has {size.Value} bytes where the VM's disk has {disk.Bytes}")
                : Of(size.Error);
        }

        _disks.Add(disk.Id, file.Value);
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ReadDisk(string disk, long offset, Span<byte> destination) =>
        Of(_disks[disk].Read(offset, destination));

    /// <inheritdoc/>
    public CallOutcome WriteDisk(string disk, long offset, ReadOnlySpan<byte> source) =>
        Of(_disks[disk].Write(offset, source));

    /// <inheritdoc/>
    public CallOutcome ZeroDisk(string disk, long offset, long length) => Of(_disks[disk].PunchHole(offset, length));

    /// <inheritdoc/>
    public CallOutcome FlushDisk(string disk) => Of(_disks[disk].Flush());

    /// <inheritdoc/>
    public long FileBytes(ShadowVolume volume, string name)
    {
        if (_files.TryGetValue((volume, name), out DiskFile? open)
            && open.Size() is { IsOk: true } size) return size.Value;
        var info = new FileInfo(PathOf(volume, name));
        return info.Exists ? info.Length : -1;
    }

    /// <inheritdoc/>
    public CallOutcome WriteFile(ShadowVolume volume, string name, long offset, ReadOnlySpan<byte> source)
    {
        Outcome<DiskFile> file = FileOf(volume, name, create: true);
        return Of(file.IsOk ? file.Value.Write(offset, source) : file.Error);
    }

    /// <inheritdoc/>
    public CallOutcome ReadFile(ShadowVolume volume, string name, long offset, Span<byte> destination)
    {
        Outcome<DiskFile> file = FileOf(volume, name, create: false);
        return Of(file.IsOk ? file.Value.Read(offset, destination) : file.Error);
    }

    /// <inheritdoc/>
    public CallOutcome FlushFile(ShadowVolume volume, string name)
    {
        if (volume == ShadowVolume.Memory) return CallOutcome.Done;
        Outcome<DiskFile> file = FileOf(volume, name, create: false);
        SystemError? error = file.IsOk ? file.Value.Flush() : file.Error;
        if (error is null && !_named.Contains(name))
        {
            error = DurableFile.FlushDirectoryOf(PathOf(volume, name));
            if (error is null) _named.Add(name);
        }

        return Of(error);
    }

    /// <inheritdoc/>
    public CallOutcome ReplaceFile(ShadowVolume volume, string name, ReadOnlySpan<byte> source)
    {
        Forget(volume, name);
        Directory.CreateDirectory(DirectoryOf(volume));
        SystemError? error = DurableFile.Replace(PathOf(volume, name), source);
        if (error is null && volume == ShadowVolume.Disk) _named.Add(name);
        return Of(error);
    }

    /// <inheritdoc/>
    public CallOutcome DeleteFile(ShadowVolume volume, string name)
    {
        Forget(volume, name);
        try
        {
            string path = PathOf(volume, name);
            if (File.Exists(path)) File.Delete(path);
            return CallOutcome.Done;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return CallOutcome.Failed(e.Message);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> ListFiles(ShadowVolume volume)
    {
        string directory = DirectoryOf(volume);
        if (!Directory.Exists(directory)) return [];
        return [.. Directory.EnumerateFiles(directory).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory?.Dispose();
        foreach (DiskFile file in _disks.Values.Concat(_files.Values)) file.Dispose();
    }

    private Outcome<DiskFile> FileOf(ShadowVolume volume, string name, bool create)
    {
        if (_files.TryGetValue((volume, name), out DiskFile? open)) return open;
        string path = PathOf(volume, name);
        Directory.CreateDirectory(DirectoryOf(volume));
        Outcome<DiskFile> file = File.Exists(path)
            || !create ? DiskFile.Open(path, writable: true) : DiskFile.Create(path, 0);
        if (file.IsOk) _files.Add((volume, name), file.Value);
        return file;
    }

    private void Forget(ShadowVolume volume, string name)
    {
        if (volume == ShadowVolume.Disk) _named.Remove(name);
        if (_files.Remove((volume, name), out DiskFile? open)) open.Dispose();
    }

    private string DirectoryOf(ShadowVolume volume) =>
        volume == ShadowVolume.Memory ? paths.ShadowMemory : paths.Shadow;

    private string PathOf(ShadowVolume volume, string name)
    {
        Invariant.Holds(name.Length > 0 && !name.Contains('/') && name != "..", "a plain file name");
        return Path.Combine(DirectoryOf(volume), name);
    }

    private static CallOutcome Of(SystemError? error) =>
        error is null ? CallOutcome.Done : CallOutcome.Failed(error.Message);
}
