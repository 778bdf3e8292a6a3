using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Testing.Replication;

/// <summary>
/// A shadow's media in memory that knows what was flushed: <see cref="LoseHost"/> takes RAM and the memory volume away
/// and leaves any part of what was not flushed.
/// </summary>
public sealed class ModelMedia : IShadowMedia
{
    private const string Metadata = "shadow.meta";

    private readonly SortedDictionary<string, ModelFile> _memoryFiles = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, ModelFile> _diskFiles = new(StringComparer.Ordinal);

    /// <summary>Called before every call; see there.</summary>
    public ModelIntercept Intercept { get; set; } = _ => null;

    /// <summary>RAM; empty before the first preparation.</summary>
    public byte[] Memory { get; private set; } = [];

    /// <summary>Disks by name.</summary>
    public SortedDictionary<string, ModelDisk> Disks { get; } = new(StringComparer.Ordinal);

    /// <summary>Raised by every change of RAM or disks.</summary>
    public long Changes { get; set; }

    /// <inheritdoc/>
    public string BootToken { get; private set; } = "boot-0";

    /// <inheritdoc/>
    public CallOutcome PrepareMemory(long pageCount)
    {
        if (Intercept(nameof(PrepareMemory)) is { } failure) return failure;
        if (Memory.Length == 0) Memory = new byte[pageCount * Sizes.Page];
        return Memory.Length == pageCount * Sizes.Page ? CallOutcome.Done : CallOutcome.Failed("RAM of another size");
    }

    /// <inheritdoc/>
    public void ReadPage(long page, Span<byte> destination) => Page(page).CopyTo(destination);

    /// <inheritdoc/>
    public void WritePage(long page, ReadOnlySpan<byte> source)
    {
        Intercept(nameof(WritePage));
        source[..Sizes.Page].CopyTo(Page(page));
        Changes++;
    }

    /// <inheritdoc/>
    public CallOutcome PrepareDisk(DiskGeometry disk)
    {
        if (Intercept(nameof(PrepareDisk)) is { } failure) return failure;
        if (!Disks.TryGetValue(disk.Id, out ModelDisk? there)) Disks.Add(disk.Id, there = new ModelDisk(disk.Bytes));
        return there.Content.Length == disk.Bytes ? CallOutcome.Done : CallOutcome.Failed("disk of another size");
    }

    /// <inheritdoc/>
    public CallOutcome ReadDisk(string disk, long offset, Span<byte> destination)
    {
        if (Intercept(nameof(ReadDisk)) is { } failure) return failure;
        Disks[disk].Content.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome WriteDisk(string disk, long offset, ReadOnlySpan<byte> source)
    {
        if (Intercept(nameof(WriteDisk)) is { } failure) return failure;
        Disks[disk].Write(offset, source);
        Changes++;
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ZeroDisk(string disk, long offset, long length)
    {
        if (Intercept(nameof(ZeroDisk)) is { } failure) return failure;
        Disks[disk].Write(offset, new byte[length]);
        Changes++;
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome FlushDisk(string disk)
    {
        if (Intercept(nameof(FlushDisk)) is { } failure) return failure;
        Disks[disk].Flush();
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public long FileBytes(ShadowVolume volume, string name) =>
        Files(volume).TryGetValue(name, out ModelFile? file) && file.Exists ? file.Length : -1;

    /// <inheritdoc/>
    public CallOutcome WriteFile(ShadowVolume volume, string name, long offset, ReadOnlySpan<byte> source)
    {
        string call = name.StartsWith("undo", StringComparison.Ordinal) ? "WriteUndo"
            : name == Metadata ? "WriteMetadata" : nameof(WriteFile);
        if (Intercept(call) is { } failure) return failure;
        SortedDictionary<string, ModelFile> files = Files(volume);
        if (!files.TryGetValue(name, out ModelFile? file))
            files.Add(name, file = new ModelFile(volume == ShadowVolume.Disk));
        file.Write(offset, source);
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ReadFile(ShadowVolume volume, string name, long offset, Span<byte> destination)
    {
        if (Intercept(nameof(ReadFile)) is { } failure) return failure;
        if (FileBytes(volume, name) < offset + destination.Length) return CallOutcome.Failed(name + " is too short");
        Files(volume)[name].Content.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome FlushFile(ShadowVolume volume, string name)
    {
        if (Intercept(name == Metadata ? "FlushMetadata" : nameof(FlushFile)) is { } failure) return failure;
        Files(volume)[name].Flush();
        return name == Metadata ? Intercept("MetadataFlushed") ?? CallOutcome.Done : CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ReplaceFile(ShadowVolume volume, string name, ReadOnlySpan<byte> source)
    {
        if (Intercept(nameof(ReplaceFile)) is { } failure) return failure;
        ModelFile file = new(volume == ShadowVolume.Disk);
        file.Write(0, source);
        file.Flush();
        Files(volume)[name] = file;

        // The replacement took effect, and its maker may still not live to hear of it, or be told that it failed.
        return Intercept("Replaced") ?? CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome DeleteFile(ShadowVolume volume, string name)
    {
        if (Intercept(nameof(DeleteFile)) is { } failure) return failure;
        if (Files(volume).TryGetValue(name, out ModelFile? file)) file.Delete();
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> ListFiles(ShadowVolume volume) =>
        [.. Files(volume).Where(f => f.Value.Exists).Select(f => f.Key)];

    /// <summary>
    /// The host went down and comes up again: RAM and the memory volume are gone, and of what was not flushed
    /// <paramref name="survives"/> says, write by write, what reached the disk after all.
    /// </summary>
    public void LoseHost(string bootToken, Func<bool> survives)
    {
        BootToken = bootToken;
        Memory = [];
        _memoryFiles.Clear();
        foreach (ModelDisk disk in Disks.Values) disk.LoseUnflushed(survives);
        foreach (ModelFile file in _diskFiles.Values) file.LoseUnflushed(survives);
        foreach (string gone in _diskFiles.Where(f => !f.Value.Exists).Select(f => f.Key).ToArray())
            _diskFiles.Remove(gone);
        Changes++;
    }

    private Span<byte> Page(long page) => Memory.AsSpan((int)(page * Sizes.Page), Sizes.Page);

    private SortedDictionary<string, ModelFile> Files(ShadowVolume volume) =>
        volume == ShadowVolume.Memory ? _memoryFiles : _diskFiles;
}

/// <summary>A disk whose unflushed writes can be lost.</summary>
public sealed class ModelDisk(long bytes)
{
    private readonly byte[] _durable = new byte[bytes];
    private readonly List<(long Offset, byte[] Data)> _unflushed = [];

    /// <summary>What reads see.</summary>
    public byte[] Content { get; } = new byte[bytes];

    /// <summary>Writes, volatile until flushed.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        data.CopyTo(Content.AsSpan((int)offset));
        _unflushed.Add((offset, data.ToArray()));
    }

    /// <summary>Makes all writes durable.</summary>
    public void Flush()
    {
        foreach ((long offset, byte[] data) in _unflushed) data.CopyTo(_durable, offset);
        _unflushed.Clear();
    }

    /// <summary>Keeps of the unflushed writes what <paramref name="survives"/> says.</summary>
    public void LoseUnflushed(Func<bool> survives)
    {
        foreach ((long offset, byte[] data) in _unflushed)
        {
            if (survives()) data.CopyTo(_durable, offset);
        }

        _unflushed.Clear();
        _durable.CopyTo(Content, 0);
    }
}
