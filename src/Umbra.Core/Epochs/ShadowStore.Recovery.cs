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
        // A log without disk contents was never flushed, and from here on it has to outlive a power cut.
        CallOutcome outcome = CallOutcome.Done;
        foreach (HeldEpoch held in _metadata.Held.Skip(1))
        {
            if (outcome.Succeeded && held.Epoch > epoch)
                outcome = _media.FlushFile(ShadowVolume.Disk, StoreFiles.UndoBlocks(held));
        }

        if (outcome.Succeeded) outcome = Save(_metadata with { RollBackTo = epoch });
        if (outcome.Succeeded) outcome = TakeBack();
        _needsRecovery = !outcome.Succeeded;
        if (outcome.Succeeded) SweepFiles();
        return outcome;
    }

    private CallOutcome ReadMetadata()
    {
        CallOutcome outcome = _metadataFile.Read(out StoreMetadata? metadata);
        if (outcome.Succeeded && metadata is not null) _metadata = metadata;
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
        if (!held.Exists(h => h.Epoch == _metadata.RollBackTo))
            return CallOutcome.Failed($"{_metadata.RollBackTo}, to which it is rolled back, is not held");
        while (held[^1].Epoch != _metadata.RollBackTo)
        {
            outcome = Replay(ShadowVolume.Memory, StoreFiles.UndoPages(held[^1].Epoch), held[^2]);
            if (outcome.Succeeded)
                outcome = Replay(ShadowVolume.Disk, StoreFiles.UndoBlocks(held[^1]), held[^2]);
            if (!outcome.Succeeded) return outcome;
            held.RemoveAt(held.Count - 1);
        }

        outcome = FlushDisks();
        return outcome.Succeeded ? Save(_metadata with { RollBackTo = EpochNumber.None, Held = held }) : outcome;
    }

    // The blocks' log is written last: with it anything may have been touched, without it nothing was.
    private CallOutcome TakeBackCommit()
    {
        bool any = false;
        HashSet<string> held = [.. HeldUndo()];
        foreach (string name in _media.ListFiles(ShadowVolume.Disk))
        {
            if (held.Contains(name) || !name.StartsWith(StoreFiles.UndoPrefix, StringComparison.Ordinal)) continue;
            if (Header(ShadowVolume.Disk, name) is not { } header || !LeadsTo(header, _metadata.Newest)) continue;
            CallOutcome outcome = Replay(
                ShadowVolume.Memory, StoreFiles.UndoPages(header.Epoch), _metadata.Newest);
            if (outcome.Succeeded) outcome = Replay(ShadowVolume.Disk, name, _metadata.Newest);
            if (!outcome.Succeeded) return outcome;
            any = true;
        }

        return any ? FlushDisks() : CallOutcome.Done;
    }

    // The oldest epoch leads back to none.
    private IEnumerable<string> HeldUndo() => _metadata.Held.Skip(1).Select(static held => StoreFiles.UndoBlocks(held));

    private UndoHeader? Header(ShadowVolume volume, string name) =>
        new UndoLogReader(_media, _hash, volume, name, _undoChunk).ReadIfComplete();

    private static bool LeadsTo(in UndoHeader header, in HeldEpoch target) =>
        header.Base == target.Epoch && header.BaseDigest is var digest && (digest == 0 || digest == target.Digest);

    private CallOutcome Replay(ShadowVolume volume, string name, in HeldEpoch target)
    {
        UndoLogReader log = new(_media, _hash, volume, name, _undoChunk);
        if (log.ReadIfComplete() is { } header && LeadsTo(header, target)) return log.Replay(Restore);
        // RAM of another life of the host is gone, and its log with it.
        return volume == ShadowVolume.Memory && _metadata.BootToken != _media.BootToken
            ? CallOutcome.Done : CallOutcome.Failed($"{name} is missing or damaged");
    }

    private CallOutcome Restore(int disk, long offset, long length, ReadOnlySpan<byte> data)
    {
        if (disk >= _metadata.Disks.Count) return CallOutcome.Failed("an undo log names an unknown disk");
        if (disk >= 0)
        {
            (string id, long bytes) = (_metadata.Disks[disk].Id, _metadata.Disks[disk].Bytes);
            if (offset < 0 || length < 0 || offset > bytes - length || data.Length > length)
                return CallOutcome.Failed($"an undo log names {length} bytes at {offset} of {id}");
            return data.IsEmpty ? _media.ZeroDisk(id, offset, length) : _media.WriteDisk(id, offset, data);
        }

        if (disk != -1 || offset < 0 || offset >= PageCount || data.Length is not (0 or Sizes.Page))
            return CallOutcome.Failed("an undo log names an unknown page");
        _media.WritePage(offset, data.IsEmpty ? _zeroPage : data);
        return CallOutcome.Done;
    }

    // The metadata may have been written although its flush failed: only when the old one is surely back may
    // the contents go back too. Otherwise what the disk says decides, later.
    private void TakeBackInterrupted()
    {
        CallOutcome outcome = Save(_metadata);
        if (outcome.Succeeded) outcome = TakeBack();
        _needsRecovery = !outcome.Succeeded;
        if (outcome.Succeeded) SweepFiles();
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

    // Files of epochs that are not held, and stages of a process that is gone. Undo logs of blocks keep their files for
    // the commits to come.
    private void SweepFiles()
    {
        HashSet<string> keep = [StoreFiles.Metadata, .. HeldUndo()];
        for (int i = 0; i < _metadata.Held.Count; i++)
        {
            HeldEpoch held = _metadata.Held[i];
            keep.Add(StoreFiles.DeviceState(held.Epoch));
            keep.Add(StoreFiles.Configuration(held.Configuration));
            if (i == 0) continue;
            keep.Add(StoreFiles.UndoPages(held.Epoch));
        }

        // Blocks before pages: pages' log alone means that nothing was touched. What fails is tried after the next
        // commit.
        foreach (ShadowVolume volume in (ReadOnlySpan<ShadowVolume>)[ShadowVolume.Disk, ShadowVolume.Memory])
        {
            foreach (string name in _media.ListFiles(volume))
            {
                if (keep.Contains(name)) continue;
                bool isKept = StoreFiles.TryUndoSlot(name, out int slot) && slot <= KnownGood + 1;
                CallOutcome outcome = isKept
                    ? new UndoLogWriter(_media, _hash, volume, name, _undoChunk).Void()
                    : _media.DeleteFile(volume, name);
                if (!outcome.Succeeded) return;
            }
        }
    }
}
