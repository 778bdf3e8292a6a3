using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Qemu.Disks;

/// <summary>
/// The export that one disk of a VM is mirrored into: it appends to the VM's log and answers at once, whatever becomes
/// of the log, for a guest's write waits. It keeps no disk, so it cannot be read: QEMU's mirror never does (seen).
/// One export serves one run of the mirror; a retired one takes nothing more, so that what is still on its way from an
/// old run never gets into the log of a new one. One connection at a time writes.
/// </summary>
public sealed class DiskExport : INbdExport
{
    private readonly int _disk;
    private readonly DiskLog _log;
    private volatile ShadowBlocks? _shadow;
    private volatile bool _isRetired;
    private long _entered;
    private long _left;
    private long _loggedBytes;
    private long _droppedBytes;

    /// <summary>An export that logs as <paramref name="disk"/>.</summary>
    /// <param name="disk">The disk's number in the log.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="log">The VM's log.</param>
    /// <param name="shadow">What the shadow holds; null when nothing is known of it.</param>
    public DiskExport(int disk, long bytes, DiskLog log, ShadowBlocks? shadow)
    {
        _disk = disk;
        Bytes = bytes;
        _log = log;
        _shadow = shadow;
    }

    /// <inheritdoc/>
    public long Bytes { get; }

    /// <summary>Bytes logged, zeros included.</summary>
    public long LoggedBytes => Interlocked.Read(ref _loggedBytes);

    /// <summary>Bytes not logged because the shadow has them.</summary>
    public long DroppedBytes => Interlocked.Read(ref _droppedBytes);

    /// <summary>Requests that were answered.</summary>
    public long AnsweredCount => Interlocked.Read(ref _left);

    /// <summary>Whether a request is being worked on.</summary>
    public bool IsBusy => Interlocked.Read(ref _entered) != Interlocked.Read(ref _left);

    /// <summary>The full copy is complete: from now on every write is logged without a comparison.</summary>
    public void StopComparing() => _shadow = null;

    /// <summary>Takes no more requests: they fail.</summary>
    public void Retire() => _isRetired = true;

    /// <inheritdoc/>
    public NbdError Read(long offset, Span<byte> into) => NbdError.Io;

    /// <inheritdoc/>
    public NbdError Write(long offset, ReadOnlySpan<byte> data)
    {
        if (!IsTakeable(offset, data.Length)) return NbdError.Invalid;
        Interlocked.Increment(ref _entered);
        NbdError answer = _isRetired ? NbdError.Io : NbdError.None;
        if (answer == NbdError.None) LogWrite(offset, data);
        Interlocked.Increment(ref _left);
        return answer;
    }

    /// <inheritdoc/>
    public NbdError WriteZeroes(long offset, long length, bool mayUnmap)
    {
        if (!IsTakeable(offset, length)) return NbdError.Invalid;
        Interlocked.Increment(ref _entered);
        NbdError answer = _isRetired ? NbdError.Io : NbdError.None;
        if (answer == NbdError.None) LogZeroes(offset, length);
        Interlocked.Increment(ref _left);
        return answer;
    }

    /// <summary>A discarded range may keep its content on the shadow.</summary>
    public NbdError Trim(long offset, long length) => _isRetired ? NbdError.Io : NbdError.None;

    /// <summary>
    /// Durability is the epoch's business: nothing here is durable before the shadow has acknowledged it.
    /// </summary>
    public NbdError Flush() => _isRetired ? NbdError.Io : NbdError.None;

    private static bool IsTakeable(long offset, long length) => (offset | length) % BatchLimits.Sector == 0;

    /// <summary>Logs the runs of blocks that the shadow does not have.</summary>
    private void LogWrite(long offset, ReadOnlySpan<byte> data)
    {
        ShadowBlocks? shadow = _shadow;
        int run = 0;
        for (int at = 0; at < data.Length;)
        {
            int length = (int)LengthInBlock(offset + at, data.Length - at);
            if (shadow is not null && shadow.HasOrTakes(offset + at, data.Slice(at, length)))
            {
                LogRun(offset + run, data[run..at]);
                Interlocked.Add(ref _droppedBytes, length);
                run = at + length;
            }

            at += length;
        }

        LogRun(offset + run, data[run..]);
    }

    private void LogZeroes(long offset, long length)
    {
        ShadowBlocks? shadow = _shadow;
        long run = offset;
        long end = offset + length;
        for (long at = offset; shadow is not null && at < end;)
        {
            long piece = LengthInBlock(at, end - at);
            if (shadow.HasOrTakesZeros(at, piece))
            {
                LogZeroRun(run, at);
                Interlocked.Add(ref _droppedBytes, piece);
                run = at + piece;
            }

            at += piece;
        }

        LogZeroRun(run, end);
    }

    private void LogRun(long offset, ReadOnlySpan<byte> data)
    {
        if (!data.IsEmpty && _log.TryWrite(_disk, offset, data)) Interlocked.Add(ref _loggedBytes, data.Length);
    }

    private void LogZeroRun(long from, long to)
    {
        if (from < to && _log.TryZero(_disk, from, to - from)) Interlocked.Add(ref _loggedBytes, to - from);
    }

    private static long LengthInBlock(long offset, long left) => Math.Min(left, Sizes.Block - (offset % Sizes.Block));
}
