using System.Buffers;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>The store's way in: batches are checked, decoded and staged, and the whole epoch is verified.</summary>
public sealed partial class ShadowStore : IPageSink, IBlockSink
{
    /// <summary>A source begins: its batches may refer to what it sends from here on, and to nothing before.</summary>
    public void BeginReceiving() => _history?.BeginReceiving();

    /// <summary>Stages a batch of pages of the open epoch.</summary>
    public StoreOutcome Stage(PageBatch batch)
    {
        if (!Follows(batch.Epoch, batch.Sequence, out StoreOutcome refused)) return refused;
        _stageFailure = CallOutcome.Done;
        return Taken(_pageDecoder.Decode(batch.Payload.Span, PageCount, this));
    }

    /// <summary>Stages a batch of disk operations of the open epoch.</summary>
    public StoreOutcome Stage(BlockBatch batch)
    {
        if (!Follows(batch.Epoch, batch.Sequence, out StoreOutcome refused)) return refused;
        _stageFailure = CallOutcome.Done;
        return Taken(_blockDecoder.Decode(batch.Payload.Span, _disks, PageCount, this));
    }

    /// <summary>Stages a part of the open epoch's device state.</summary>
    public StoreOutcome Stage(DeviceStatePart part) =>
        StagePart(part.Epoch, part.Offset, part.Payload, _deviceState, SessionLimits.DeviceStateBytesMax);

    /// <summary>Stages a part of the open epoch's configuration.</summary>
    public StoreOutcome Stage(ConfigurationPart part) =>
        StagePart(part.Epoch, part.Offset, part.Payload, _configuration, SessionLimits.ConfigurationBytesMax);

    /// <summary>Takes the end of the open epoch; <see cref="Verify"/> follows.</summary>
    public StoreOutcome End(EpochEnd end)
    {
        if (_open is null || end.Epoch != _open.Epoch)
            return StoreOutcome.Refused(RejectReason.Gap, $"{end.Epoch} ends, {Open} is open");
        if (end.BatchCount != _digest.BatchCount)
        {
            return StoreOutcome.Refused(
                RejectReason.Corrupt, $"{_digest.BatchCount} batches came, {end.BatchCount} were sent");
        }

        if (_deviceState.WrittenCount == 0) return StoreOutcome.Refused(RejectReason.Corrupt, "no device state came");
        if (Committed == EpochNumber.None && _configuration.WrittenCount == 0)
            return StoreOutcome.Refused(RejectReason.Corrupt, "no configuration came with the first epoch");
        _end = end;
        _verified = 0;
        _ram = WritesThrough ? default : _metadata.Newest.Ram;
        return StoreOutcome.Ok;
    }

    /// <summary>
    /// Goes on comparing the ended epoch with its digest, from the bytes as they were stored, by at most
    /// <paramref name="pagesMax"/> pages; false in <paramref name="done"/> while there is more to compare.
    /// </summary>
    public StoreOutcome Verify(int pagesMax, out bool done)
    {
        Invariant.Holds(_open is not null && _end is not null, "an epoch is verified after its end");
        done = true;
        if (_open.Generation != Promised)
            return StoreOutcome.Refused(RejectReason.StaleGeneration, $"promised to {Promised} meanwhile");
        if (WritesThrough)
        {
            done = VerifyWritten(pagesMax);
        }
        else
        {
            CallOutcome staged = VerifyStaged();
            if (!staged.Succeeded) return StoreOutcome.Storage(staged);
        }

        return done ? CompareDigest(_end) : StoreOutcome.Ok;
    }

    private StoreOutcome CompareDigest(EpochEnd end)
    {
        ulong configuration;
        if (_configuration.WrittenCount > 0)
        {
            configuration = _hash.Hash(_configuration.WrittenSpan);
        }
        else
        {
            ArrayBufferWriter<byte> held = new();
            CallOutcome read = ReadConfiguration(Committed, held);
            if (!read.Succeeded) return StoreOutcome.Storage(read);
            configuration = _hash.Hash(held.WrittenSpan);
        }

        ulong digest = _digest.Finish(end.Epoch, _ram, _hash.Hash(_deviceState.WrittenSpan), configuration);
        return digest == end.Digest
            ? StoreOutcome.Ok
            : StoreOutcome.Refused(RejectReason.Corrupt, $"digest {digest:x16} is not {end.Digest:x16}");
    }

    void IPageSink.ReadReference(long page, Span<byte> destination) => ReadAsSent(page, destination);

    void IBlockSink.ReadPage(long page, Span<byte> destination) => ReadAsSent(page, destination);

    private void ReadAsSent(long page, Span<byte> destination)
    {
        if (!_staged.HasPage(page))
        {
            _media.ReadPage(page, destination);
            return;
        }

        CallOutcome read = _staged.ReadPage(page, destination);
        if (!read.Succeeded) _stageFailure = read;
    }

    void IPageSink.Page(long page, ReadOnlySpan<byte> content, ulong hash)
    {
        if (!_stageFailure.Succeeded) return;
        if (WritesThrough)
        {
            _media.WritePage(page, content);
            return;
        }

        _stageFailure = _staged.WritePage(page, content);
    }

    void IBlockSink.Write(int disk, long offset, ReadOnlySpan<byte> data)
    {
        if (!_stageFailure.Succeeded) return;
        _stageFailure = WritesThrough
            ? _media.WriteDisk(_disks[disk].Id, offset, data)
            : _staged.AddOperation(DiskOperationKind.Write, _slots[disk], offset, data.Length, data);
    }

    void IBlockSink.Zero(int disk, long offset, long length)
    {
        if (!_stageFailure.Succeeded) return;
        _stageFailure = WritesThrough
            ? _media.ZeroDisk(_disks[disk].Id, offset, length)
            : _staged.AddOperation(DiskOperationKind.Zero, _slots[disk], offset, length, default);
    }

    private bool Follows(EpochNumber epoch, uint sequence, out StoreOutcome refused)
    {
        refused = StoreOutcome.Ok;
        if (_open is null || epoch != _open.Epoch || _end is not null)
            refused = StoreOutcome.Refused(RejectReason.Gap, $"a batch of {epoch} came, {Open} is open");
        else if (sequence != _digest.BatchCount)
            refused = StoreOutcome.Refused(
                RejectReason.Corrupt, $"batch {sequence} came instead of {_digest.BatchCount}");
        return refused.Accepted;
    }

    private StoreOutcome Taken(BatchOutcome outcome)
    {
        if (!_stageFailure.Succeeded) return StoreOutcome.Storage(_stageFailure);
        if (!outcome.IsOk) return StoreOutcome.Refused(RejectReason.Corrupt, outcome.Error);
        _digest.AddBatch(outcome.Checksum);
        return StoreOutcome.Ok;
    }

    private StoreOutcome StagePart(
        EpochNumber epoch, uint offset, ReadOnlyMemory<byte> payload, ArrayBufferWriter<byte> into, int bytesMax)
    {
        if (_open is null || epoch != _open.Epoch || _end is not null)
            return StoreOutcome.Refused(RejectReason.Gap, $"a part of {epoch} came, {Open} is open");
        if (offset != into.WrittenCount || payload.Length > bytesMax - into.WrittenCount)
            return StoreOutcome.Refused(
                RejectReason.Corrupt, $"a part at {offset} came after {into.WrittenCount} bytes");
        into.Write(payload.Span);
        return StoreOutcome.Ok;
    }

    // Everything counts as it was stored, so that a page damaged on its way into the stage is found here.
    private CallOutcome VerifyStaged()
    {
        foreach (long page in _staged.SortedPages())
        {
            CallOutcome read = _staged.ReadPage(page, _page);
            if (!read.Succeeded) return read;
            ulong hash = _hash.Hash(_page);
            _media.ReadPage(page, _page);
            _ram = _ram.Replace(page, _hash.Hash(_page), hash);
        }

        return CallOutcome.Done;
    }

    private bool VerifyWritten(int pagesMax)
    {
        long end = Math.Min(PageCount, _verified + pagesMax);
        for (; _verified < end; _verified++)
        {
            _media.ReadPage(_verified, _page);
            _ram = _ram.Add(_verified, _hash.Hash(_page));
        }

        return _verified == PageCount;
    }
}
