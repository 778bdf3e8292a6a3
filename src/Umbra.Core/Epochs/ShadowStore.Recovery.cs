using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>The store's way back: after a crash to the committed epoch, on request to an earlier one.</summary>
public sealed partial class ShadowStore
{
    /// <summary>
    /// Reads what is there and takes an interrupted commit or roll-back to its end. Fails when the metadata is damaged
    /// (the shadow is then to be made anew) or a file cannot be read or written.
    /// </summary>
    public CallOutcome Recover()
    {
        _needsRecovery = true;
        CallOutcome read = ReadMetadata();
        if (!read.Succeeded) return read;
        if (_metadata.PageCount > 0)
        {
            CallOutcome outcome = _media.PrepareMemory(_metadata.PageCount);
            foreach (DiskGeometry disk in _metadata.Disks)
            {
                if (outcome.Succeeded) outcome = _media.PrepareDisk(disk);
            }

            if (outcome.Succeeded) outcome = TakeBack();
            if (outcome.Succeeded) outcome = NoteNewBoot();
            if (!outcome.Succeeded) return outcome;
        }

        SweepFiles();
        _needsRecovery = false;
        return CallOutcome.Done;
    }

    /// <summary>
    /// Turns the shadow back into an earlier epoch that it still holds. What came after is gone for good; a primary
    /// that is still there begins anew from hashes.
    /// </summary>
    public CallOutcome RollBack(EpochNumber epoch)
    {
        if (_needsRecovery || _metadata.State != StoreState.Complete || !_metadata.Held.Any(h => h.Epoch == epoch))
            return CallOutcome.Failed($"{epoch} is not held");
        Drop();
        CallOutcome outcome = Save(_metadata with { RollBackTo = epoch });
        if (outcome.Succeeded) outcome = TakeBack();
        _needsRecovery = !outcome.Succeeded;
        if (outcome.Succeeded) SweepFiles();
        return outcome;
    }

    private CallOutcome ReadMetadata()
    {
        long bytes = _media.FileBytes(ShadowVolume.Disk, StoreFiles.Metadata);
        if (bytes < 0) return CallOutcome.Done;
        if (bytes > Sizes.MiB) return CallOutcome.Failed("the shadow's metadata is damaged");
        byte[] content = new byte[bytes];
        CallOutcome outcome = _media.ReadFile(ShadowVolume.Disk, StoreFiles.Metadata, 0, content);
        if (!outcome.Succeeded) return outcome;
        if (StoreMetadata.Decode(content, _hash) is not { } metadata)
            return CallOutcome.Failed("the shadow's metadata is damaged");
        _metadata = metadata;
        return outcome;
    }

    // A commit that got as far as complete undo logs may have overwritten anything, one that did not has touched
    // nothing. Log files of both volumes lead back to the same epoch; applying one twice does no harm.
    private CallOutcome TakeBack()
    {
        if (_metadata.State != StoreState.Complete) return CallOutcome.Done;
        CallOutcome outcome = TakeBackCommit();
        if (!outcome.Succeeded || _metadata.RollBackTo == EpochNumber.None) return outcome;
        List<HeldEpoch> held = [.. _metadata.Held];
        while (held[^1].Epoch != _metadata.RollBackTo)
        {
            outcome = Replay(ShadowVolume.Memory, StoreFiles.UndoPages(held[^1].Epoch), held[^2].Epoch);
            if (outcome.Succeeded)
                outcome = Replay(ShadowVolume.Disk, StoreFiles.UndoBlocks(held[^1].Epoch), held[^2].Epoch);
            if (!outcome.Succeeded) return outcome;
            held.RemoveAt(held.Count - 1);
        }

        outcome = FlushDisks();
        return outcome.Succeeded ? Save(_metadata with { RollBackTo = EpochNumber.None, Held = held }) : outcome;
    }

    private CallOutcome TakeBackCommit()
    {
        bool any = false;
        foreach (ShadowVolume volume in (ReadOnlySpan<ShadowVolume>)[ShadowVolume.Memory, ShadowVolume.Disk])
        {
            foreach (string name in _media.ListFiles(volume))
            {
                if (!name.StartsWith("undo-", StringComparison.Ordinal)) continue;
                if (!StoreFiles.TryEpoch(name, out EpochNumber epoch) || _metadata.Held.Any(h => h.Epoch == epoch))
                    continue;
                // The pages' log is written first: the pages were touched only if the blocks' log is complete too.
                if (!IsComplete(ShadowVolume.Disk, StoreFiles.UndoBlocks(epoch))) continue;
                CallOutcome outcome = Replay(volume, name, _metadata.Newest.Epoch);
                if (!outcome.Succeeded) return outcome;
                any = true;
            }
        }

        return any ? FlushDisks() : CallOutcome.Done;
    }

    private bool IsComplete(ShadowVolume volume, string name) =>
        new UndoLogReader(_media, _hash, volume, name, _undoChunk).ReadIfComplete() is not null;

    private CallOutcome Replay(ShadowVolume volume, string name, EpochNumber target)
    {
        UndoLogReader log = new(_media, _hash, volume, name, _undoChunk);
        UndoHeader? header = log.ReadIfComplete();
        if (header is null)
        {
            // RAM of another life of the host is gone, and its log with it.
            return volume == ShadowVolume.Memory && _metadata.BootToken != _media.BootToken
                ? CallOutcome.Done : CallOutcome.Failed($"{name} is missing or damaged");
        }

        return header.Value.Base == target ? log.Replay(Restore) : CallOutcome.Done;
    }

    private CallOutcome Restore(int disk, long offset, long length, ReadOnlySpan<byte> data)
    {
        if (disk >= _metadata.Disks.Count) return CallOutcome.Failed("an undo log names an unknown disk");
        if (disk >= 0)
        {
            string id = _metadata.Disks[disk].Id;
            return data.IsEmpty ? _media.ZeroDisk(id, offset, length) : _media.WriteDisk(id, offset, data);
        }

        if (offset < 0 || offset >= PageCount) return CallOutcome.Failed("an undo log names an unknown page");
        _media.WritePage(offset, data.IsEmpty ? _zeroPage : data);
        return CallOutcome.Done;
    }

    // The replacement of the metadata may have failed after it took effect: only when the old one is surely back may
    // the contents go back too. Otherwise what the disk says decides, later.
    private void TakeBackInterrupted()
    {
        CallOutcome outcome = Save(_metadata);
        if (outcome.Succeeded) outcome = TakeBack();
        _needsRecovery = !outcome.Succeeded;
    }

    private CallOutcome NoteNewBoot()
    {
        if (_metadata.BootToken == _media.BootToken) return CallOutcome.Done;

        // What a VM may have run on is no epoch any more.
        StoreState state = _metadata.State switch
        {
            StoreState.Complete => StoreState.DisksOnly,
            StoreState.Retired => StoreState.Incomplete,
            _ => _metadata.State,
        };
        return Save(_metadata with
        {
            State = state,
            BootToken = _media.BootToken,
            Held = state == StoreState.DisksOnly ? _metadata.Held : [],
        });
    }

    // Files of epochs that are not held, and stages of a process that is gone.
    private void SweepFiles()
    {
        HashSet<string> keep = [StoreFiles.Metadata];
        for (int i = 0; i < _metadata.Held.Count; i++)
        {
            HeldEpoch held = _metadata.Held[i];
            keep.Add(StoreFiles.DeviceState(held.Epoch));
            keep.Add(StoreFiles.Configuration(held.Configuration));
            if (i == 0) continue;
            keep.Add(StoreFiles.UndoPages(held.Epoch));
            keep.Add(StoreFiles.UndoBlocks(held.Epoch));
        }

        // Blocks before pages: pages' log alone means that nothing was touched.
        foreach (ShadowVolume volume in (ReadOnlySpan<ShadowVolume>)[ShadowVolume.Disk, ShadowVolume.Memory])
        {
            foreach (string name in _media.ListFiles(volume))
            {
                if (!keep.Contains(name)) _media.DeleteFile(volume, name);
            }
        }
    }
}
