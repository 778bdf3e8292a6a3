using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>The store's commit: undo logs, RAM, the disks once their log is flushed, and the metadata.</summary>
public sealed partial class ShadowStore
{
    /// <summary>
    /// Makes the verified epoch the shadow's. When it fails, the shadow is still (or again) the epoch before; when not
    /// even that could be had, nothing is held until <see cref="Recover"/> succeeds, which <see cref="Begin"/> tries.
    /// </summary>
    /// <param name="applied">
    /// Called when RAM and device state (<see cref="StagedDeviceState"/>) are the epoch's, and the disks and the
    /// metadata are left: what reads RAM alone may begin, and has to be thrown away when the commit fails.
    /// </param>
    public StoreOutcome Commit(Action? applied = null)
    {
        Invariant.Holds(_open is not null && _end is not null, "an epoch is committed after it was verified");
        CallOutcome outcome = WritesThrough ? CallOutcome.Done : WriteUndo();
        bool touched = outcome.Succeeded;
        if (outcome.Succeeded && !WritesThrough) outcome = ApplyPages();
        if (outcome.Succeeded) outcome = WriteState(_end.Epoch);
        if (outcome.Succeeded) applied?.Invoke();
        if (outcome.Succeeded) outcome = WritesThrough ? FlushDisks() : ApplyOperations();
        if (outcome.Succeeded) outcome = Save(AfterCommit());
        if (!outcome.Succeeded)
        {
            if (touched && !WritesThrough) TakeBackInterrupted();
            Drop();
            return StoreOutcome.Storage(outcome);
        }

        Drop();
        SweepFiles();
        return StoreOutcome.Ok;
    }

    private StoreMetadata AfterCommit()
    {
        List<HeldEpoch> held = WritesThrough ? [] : [.. _metadata.Held];
        EpochNumber configuration = _configuration.WrittenCount > 0 ? _end!.Epoch : _metadata.Newest.Configuration;
        int undo = WritesThrough ? 0 : FreeUndoSlot();
        held.Add(new HeldEpoch(_end!.Epoch, _end.Digest, _ram, configuration) { UndoSlot = undo });
        int surplus = held.Count - 1 - KnownGood;
        if (surplus > 0) held.RemoveRange(0, surplus);
        return _metadata with { State = StoreState.Complete, Held = held, BootToken = _media.BootToken };
    }

    // The lowest one that no held epoch needs; the oldest epoch leads back to none.
    private int FreeUndoSlot()
    {
        int slot = 1;
        while (_metadata.Held.Skip(1).Any(held => held.UndoSlot == slot)) slot++;
        return slot;
    }

    // Both logs, the blocks' last. RAM shares the fate of the memory that its log is written to, so that it may be
    // touched from here on; the disks may once the blocks' log is flushed.
    private CallOutcome WriteUndo()
    {
        UndoHeader header = new(_end!.Epoch, Committed, Digest);
        UndoLogWriter blocks = UndoBlocks();
        CallOutcome outcome = blocks.Void();
        UndoLogWriter pages = new(_media, _hash, ShadowVolume.Memory, StoreFiles.UndoPages(_end.Epoch), _undoChunk);
        if (outcome.Succeeded) outcome = pages.Begin(header);
        foreach (long page in _staged.SortedPages())
        {
            if (!outcome.Succeeded) return outcome;
            _media.ReadPage(page, _page);
            outcome = pages.Add(-1, page, Sizes.Page, IsZero(_page) ? default : _page);
        }

        if (outcome.Succeeded) outcome = pages.End();
        if (outcome.Succeeded) outcome = blocks.Begin(header);
        foreach (StagedEpoch.Operation operation in _staged.Operations)
        {
            if (outcome.Succeeded) outcome = NoteOld(blocks, operation);
        }

        return outcome.Succeeded ? blocks.End() : outcome;
    }

    private UndoLogWriter UndoBlocks() =>
        new(_media, _hash, ShadowVolume.Disk, StoreFiles.UndoSlot(FreeUndoSlot()), _undoChunk);

    private CallOutcome NoteOld(UndoLogWriter log, in StagedEpoch.Operation operation)
    {
        string disk = _metadata.Disks[operation.Disk].Id;
        for (long at = 0; at < operation.Length; at += _block.Length)
        {
            Span<byte> old = _block.AsSpan(0, (int)Math.Min(_block.Length, operation.Length - at));
            CallOutcome outcome = _media.ReadDisk(disk, operation.Offset + at, old);
            if (outcome.Succeeded)
                outcome = log.Add(operation.Disk, operation.Offset + at, old.Length, IsZero(old) ? default : old);
            if (!outcome.Succeeded) return outcome;
        }

        return CallOutcome.Done;
    }

    private CallOutcome ApplyPages()
    {
        foreach (long page in _staged.SortedPages())
        {
            CallOutcome read = _staged.ReadPage(page, _page);
            if (!read.Succeeded) return read;
            _media.WritePage(page, _page);
        }

        return CallOutcome.Done;
    }

    // An epoch without disk operations has left the disks as they were flushed last.
    private CallOutcome ApplyOperations()
    {
        if (_staged.Operations.Count == 0) return CallOutcome.Done;
        CallOutcome outcome = UndoBlocks().Flush();
        foreach (StagedEpoch.Operation operation in _staged.Operations)
        {
            if (outcome.Succeeded) outcome = ApplyOperation(operation);
        }

        foreach (int disk in _staged.Operations.Select(static o => o.Disk).Distinct())
        {
            if (outcome.Succeeded) outcome = _media.FlushDisk(_metadata.Disks[disk].Id);
        }

        return outcome;
    }

    private CallOutcome ApplyOperation(in StagedEpoch.Operation operation)
    {
        string disk = _metadata.Disks[operation.Disk].Id;
        if (operation.Kind == DiskOperationKind.Zero) return _media.ZeroDisk(disk, operation.Offset, operation.Length);
        for (long at = 0; at < operation.Length; at += _block.Length)
        {
            Span<byte> data = _block.AsSpan(0, (int)Math.Min(_block.Length, operation.Length - at));
            CallOutcome outcome = _staged.ReadData(operation, at, data);
            if (outcome.Succeeded) outcome = _media.WriteDisk(disk, operation.Offset + at, data);
            if (!outcome.Succeeded) return outcome;
        }

        return CallOutcome.Done;
    }

    private CallOutcome WriteState(EpochNumber epoch)
    {
        CallOutcome outcome = WriteWhole(ShadowVolume.Memory, StoreFiles.DeviceState(epoch), _deviceState.WrittenSpan);
        return !outcome.Succeeded || _configuration.WrittenCount == 0
            ? outcome
            : WriteWhole(ShadowVolume.Disk, StoreFiles.Configuration(epoch), _configuration.WrittenSpan);
    }

    private CallOutcome FlushDisks()
    {
        foreach (DiskGeometry disk in _metadata.Disks)
        {
            CallOutcome outcome = _media.FlushDisk(disk.Id);
            if (!outcome.Succeeded) return outcome;
        }

        return CallOutcome.Done;
    }

    private static bool IsZero(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept((byte)0) < 0;
}
