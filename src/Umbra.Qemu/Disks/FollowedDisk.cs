using Umbra.Core.Protocol;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Qemu.Disks;

/// <summary>A disk of <see cref="SourceDisks"/> with what belongs to the present run of its job.</summary>
internal sealed class FollowedDisk(int number, SourceDisk disk, DiskJob job) : IDisposable
{
    private DiskFile? _image;

    public int Number => number;

    public DiskGeometry Geometry => disk.Geometry;

    public DiskJob Job => job;

    public DiskExport? Export { get; private set; }

    public string ExportName { get; private set; } = "";

    public bool IsHeld { get; set; }

    public bool HasImage => disk.Image.Length > 0;

    /// <summary>Reads what the guest wrote last there, and QEMU has answered.</summary>
    public SystemError? ReadImage(long offset, Span<byte> into)
    {
        if (_image is null)
        {
            Outcome<DiskFile> opened = DiskFile.Open(disk.Image, writable: false);
            if (!opened.IsOk) return opened.Error;
            _image = opened.Value;
        }

        return _image.Read(offset, into);
    }

    public void Offer(DiskExport export, string name)
    {
        Export = export;
        ExportName = name;
        IsHeld = false;
    }

    public void Dispose()
    {
        _image?.Dispose();
        job.Dispose();
    }
}
