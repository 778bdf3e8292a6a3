using Umbra.Core.Deltas;
using Umbra.Core.Protocol;

namespace Umbra.Testing;

/// <summary>A VM's disks as plain arrays: the simplest thing that disk operations can be applied to.</summary>
public sealed class DiskModel(params int[] bytes) : IBlockSink
{
    private readonly byte[][] _disks = [.. bytes.Select(size => new byte[size])];

    /// <summary>Their sizes, as a hello says them.</summary>
    public IReadOnlyList<DiskGeometry> Geometry { get; } =
        [.. bytes.Select((size, number) => new DiskGeometry("disk" + number, size))];

    /// <summary>Operations applied.</summary>
    public int Operations { get; private set; }

    /// <summary>Pages of a RAM beside the disks, which operations may name.</summary>
    public IReadOnlyList<byte[]> Pages { get; set; } = [];

    /// <summary>How many there are.</summary>
    public long PageCount => Pages.Count;

    /// <summary>One disk's content.</summary>
    public ReadOnlySpan<byte> this[int disk] => _disks[disk];

    /// <inheritdoc/>
    public void Write(int disk, long offset, ReadOnlySpan<byte> data)
    {
        data.CopyTo(_disks[disk].AsSpan((int)offset));
        Operations++;
    }

    /// <inheritdoc/>
    public void ReadPage(long page, Span<byte> destination) => Pages[(int)page].CopyTo(destination);

    /// <inheritdoc/>
    public void Zero(int disk, long offset, long length)
    {
        _disks[disk].AsSpan((int)offset, (int)length).Clear();
        Operations++;
    }
}
