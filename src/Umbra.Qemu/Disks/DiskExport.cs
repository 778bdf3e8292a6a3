using Umbra.Core.Deltas;

namespace Umbra.Qemu.Disks;

/// <summary>
/// The export that one disk of a VM is mirrored into: it appends to the VM's log and answers at once, whatever becomes
/// of the log, for a guest's write waits. It keeps no disk, so it cannot be read: QEMU's mirror never does (seen).
/// One export serves one run of the mirror; a retired one takes nothing more, so that what is still on its way from an
/// old run never gets into the log of a new one.
/// </summary>
public sealed class DiskExport(int disk, long bytes, DiskLog log) : INbdExport
{
    private volatile bool _isRetired;

    /// <inheritdoc/>
    public long Bytes => bytes;

    /// <summary>Writes are durable when the shadow has acknowledged their epoch.</summary>
    public bool CanFlush => false;

    private NbdError Answer => _isRetired ? NbdError.Io : NbdError.None;

    /// <summary>Takes no more requests: they fail.</summary>
    public void Retire() => _isRetired = true;

    /// <inheritdoc/>
    public NbdError Read(long offset, Span<byte> into) => NbdError.Io;

    /// <summary>
    /// Logs a write. A log that is over its limit keeps only its place and says so itself; the guest knows nothing of
    /// it.
    /// </summary>
    public NbdError Write(long offset, ReadOnlySpan<byte> data)
    {
        if (!IsWhole(offset, data.Length)) return NbdError.Invalid;
        if (!_isRetired) log.TryWrite(disk, offset, data);
        return Answer;
    }

    /// <summary>As <see cref="Write"/>.</summary>
    public NbdError WriteZeroes(long offset, long length, bool mayUnmap)
    {
        if (!IsWhole(offset, length)) return NbdError.Invalid;
        if (!_isRetired && length > 0) log.TryZero(disk, offset, length);
        return Answer;
    }

    /// <summary>A discarded range may keep its content on the shadow.</summary>
    public NbdError Trim(long offset, long length) => Answer;

    /// <summary>Nothing to do; for a client that asks all the same.</summary>
    public NbdError Flush() => Answer;

    private static bool IsWhole(long offset, long length) => (offset | length) % BatchLimits.Sector == 0;
}
