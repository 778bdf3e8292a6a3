using System.Buffers.Binary;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>A shadow's media with one mistake planted between it and its store.</summary>
internal sealed class PlantedMedia(ModelMedia media, PlantedBug bug) : IShadowMedia
{
    private const string Metadata = "shadow.meta";

    private static bool IsUndo(string name) => name.StartsWith("undo-", StringComparison.Ordinal);

    private bool NoUndo(string name) => bug == PlantedBug.UndoSkipped && IsUndo(name);

    private bool NoFlush(string name) => NoUndo(name)
        || (bug == PlantedBug.UndoNotFlushed && IsUndo(name))
        || (bug == PlantedBug.MetadataNotFlushed && name == Metadata);

    public string BootToken => media.BootToken;

    public CallOutcome PrepareMemory(long pageCount) => media.PrepareMemory(pageCount);

    public void ReadPage(long page, Span<byte> destination) => media.ReadPage(page, destination);

    public void WritePage(long page, ReadOnlySpan<byte> source) => media.WritePage(page, source);

    public CallOutcome PrepareDisk(DiskGeometry disk) => media.PrepareDisk(disk);

    public CallOutcome ReadDisk(string disk, long offset, Span<byte> destination) =>
        media.ReadDisk(disk, offset, destination);

    public CallOutcome WriteDisk(string disk, long offset, ReadOnlySpan<byte> source) =>
        media.WriteDisk(disk, offset, source);

    public CallOutcome ZeroDisk(string disk, long offset, long length) => media.ZeroDisk(disk, offset, length);

    public CallOutcome FlushDisk(string disk) =>
        bug == PlantedBug.AcknowledgedBeforeFlush ? CallOutcome.Done : media.FlushDisk(disk);

    public long FileBytes(ShadowVolume volume, string name) => media.FileBytes(volume, name);

    public CallOutcome WriteFile(ShadowVolume volume, string name, long offset, ReadOnlySpan<byte> source) =>
        NoUndo(name) ? CallOutcome.Done : media.WriteFile(volume, name, offset, source);

    public CallOutcome ReadFile(ShadowVolume volume, string name, long offset, Span<byte> destination)
    {
        CallOutcome outcome = media.ReadFile(volume, name, offset, destination);
        if (bug == PlantedBug.OlderSlotRead && name == Metadata) LoseNewerSlot(destination);
        return outcome;
    }

    public CallOutcome FlushFile(ShadowVolume volume, string name) =>
        NoFlush(name) ? CallOutcome.Done : media.FlushFile(volume, name);

    public CallOutcome ReplaceFile(ShadowVolume volume, string name, ReadOnlySpan<byte> source) =>
        media.ReplaceFile(volume, name, source);

    public CallOutcome DeleteFile(ShadowVolume volume, string name) => media.DeleteFile(volume, name);

    public IReadOnlyList<string> ListFiles(ShadowVolume volume) => media.ListFiles(volume);

    private static void LoseNewerSlot(Span<byte> file)
    {
        Span<byte> first = file[..(file.Length / 2)];
        Span<byte> second = file[(file.Length / 2)..];
        ulong one = BinaryPrimitives.ReadUInt64LittleEndian(first[8..]);
        ulong two = BinaryPrimitives.ReadUInt64LittleEndian(second[8..]);
        if (one > 0 && two > 0) (one > two ? first : second).Clear();
    }
}
