using System.Diagnostics;
using Umbra.Core.Epochs;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>
/// Disks that are followed by incremental backups: QEMU notes where the guest writes, and each cut starts a job that
/// copies it into the log as it was then. A guest that runs on meanwhile is told that a write is done by its own disk
/// alone, but for the first one to a place that is still to be copied.
/// </summary>
public sealed class BackedUpDisks : SourceDisks
{
    private readonly DiskBackup[] _backups;

    /// <summary>Disks that are not followed yet: <see cref="SourceDisks.Restart"/> begins.</summary>
    public BackedUpDisks(SourceDisksOptions options)
        : this(options, [.. options.Disks.Select((d, i) =>
            new DiskBackup(options.Monitor, i, d.SourceNode, d.Geometry.Bytes, options.CutEnded))])
    {
    }

    private BackedUpDisks(SourceDisksOptions options, DiskBackup[] backups)
        : base(options, backups) => _backups = backups;

    private bool IsCopyingCut => Array.Exists(_backups, static b => b.IsCopyingCut);

    /// <inheritdoc/>
    private protected override CallOutcome CutAll()
    {
        long start = Stopwatch.GetTimestamp();
        if (Judge(out string detail) != DiskMirrorState.Ready) return CallOutcome.Failed(detail);
        if (IsCopyingCut) return CallOutcome.Failed("what the disks had at the last cut is still being copied");
        // Whole up to here, and no longer catching up: what the log cannot hold from now on fails the cut.
        if (!Log.TryCut(out _)) return CallOutcome.Failed(OverLimit);
        // What a full copy or a lost link has left to be copied may be many times what the log holds.
        CopySpeed? speed = IsStreamed ? CopySpeed.For(Log.BytesMax) : null;
        // Together: one that copied already would have to be drained before the next could begin.
        QmpOutcome<QmpNothing> outcome = Monitor.Execute(
            QmpCommands.BlockdevBackups(_backups.Select(b => b.BeginCut(speed))), DiskJobLimits.CommandDeadline);
        foreach (DiskBackup backup in _backups) backup.CutBegun(outcome);
        return outcome.IsOk
            ? CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start))
            : CallOutcome.Failed(outcome.Description);
    }

    /// <inheritdoc/>
    private protected override bool TryEndCut(out long end)
    {
        end = 0;
        // In this order: a job that ends has failed before, if it has.
        return !IsCopyingCut && Judge(out _) == DiskMirrorState.Ready && Log.TryCut(out end);
    }
}
