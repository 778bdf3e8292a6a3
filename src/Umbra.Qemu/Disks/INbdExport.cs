namespace Umbra.Qemu.Disks;

/// <summary>
/// What the NBD server serves under one name. Several connections may call it at once. Ranges are checked by the
/// server: they lie within <see cref="Bytes"/>. Implementations answer at once and do not throw: a guest's write waits
/// for them.
/// </summary>
public interface INbdExport
{
    /// <summary>Size, bytes; fixed while it is served.</summary>
    long Bytes { get; }

    /// <summary>
    /// Whether <see cref="Flush"/> does anything. Where it does not, clients are not offered it: QEMU asks for it twice
    /// each time that it stops a guest, and waits.
    /// </summary>
    bool CanFlush { get; }

    /// <summary>
    /// Reads. A request of more than <see cref="NbdLimits.PieceBytes"/> comes in pieces, here and in
    /// <see cref="Write"/>.
    /// </summary>
    NbdError Read(long offset, Span<byte> into);

    /// <summary>Writes. <paramref name="data"/> is valid during the call only.</summary>
    NbdError Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>Makes a range read as zeros.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes, up to 4 GiB.</param>
    /// <param name="mayUnmap">Whether the range may become a hole.</param>
    NbdError WriteZeroes(long offset, long length, bool mayUnmap);

    /// <summary>The range's content is no longer needed.</summary>
    NbdError Trim(long offset, long length);

    /// <summary>Makes all answered writes durable, as far as this export promises that.</summary>
    NbdError Flush();
}
