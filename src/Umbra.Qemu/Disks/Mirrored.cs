using Umbra.Core.Protocol;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>A disk of <see cref="MirroredDisks"/> with what belongs to the present run of its mirror.</summary>
internal sealed class Mirrored(int number, MirroredDisk disk, QmpSession monitor)
{
    public int Number => number;

    public DiskGeometry Geometry => disk.Geometry;

    public DiskMirror Mirror { get; } = new(monitor, number, disk.SourceNode);

    public DiskExport? Export { get; private set; }

    public string ExportName { get; private set; } = "";

    public bool IsHeld { get; set; }

    public void Offer(DiskExport export, string name)
    {
        Export = export;
        ExportName = name;
        IsHeld = false;
    }
}
