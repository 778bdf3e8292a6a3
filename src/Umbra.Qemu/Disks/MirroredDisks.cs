using System.Diagnostics;
using Umbra.Core.Epochs;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>Disks that are followed by a mirror each: a write that the guest is told is done is in the log.</summary>
public sealed class MirroredDisks : SourceDisks
{
    private bool _isProven;
    private bool _isConfirmed;
    private long _end;
    private QmpCall<IReadOnlyList<BlockJobInfo>>? _asked;

    /// <summary>Disks that are not mirrored yet: <see cref="SourceDisks.Restart"/> begins.</summary>
    public MirroredDisks(SourceDisksOptions options)
        : base(options, [.. options.Disks.Select((d, i) => new DiskMirror(options.Monitor, i, d.SourceNode))])
    {
    }

    /// <inheritdoc/>
    public override void AskAgain()
    {
        if (Disks.Count > 0 && !_isConfirmed) _asked ??= Monitor.Begin(QmpCommands.QueryBlockJobs);
    }

    /// <inheritdoc/>
    public override CallOutcome Confirm(bool isStopped)
    {
        if (Disks.Count == 0 || _isConfirmed) return CallOutcome.Done;
        string why = WhyNotInStep(isStopped ? DiskMirror.IsReadyAndDrained : DiskMirror.IsReady);
        _isConfirmed = _isProven = why.Length == 0;
        return _isConfirmed ? CallOutcome.Done : CallOutcome.Failed(why);
    }

    /// <inheritdoc/>
    public override QmpOutcome<QmpNothing> StopGuest()
    {
        ForgetQuestion();
        QmpOutcome<QmpNothing> stopped = base.StopGuest();
        // QEMU answers while the caller copies memory: the cut then costs the pause no round trip.
        if (stopped.IsOk && Disks.Count > 0 && IsAskDue) _asked = Monitor.Begin(QmpCommands.QueryBlockJobs);
        return stopped;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// QEMU is asked before the first cut of a run of the mirrors: nothing is left to be copied. From then on each
    /// write is on the server before the guest hears that it is done, or the mirror fails and says so, before
    /// <c>stop</c> is answered. So the cuts that follow go by QEMU's events, and <see cref="Confirm"/> asks after them.
    /// </remarks>
    private protected override CallOutcome CutAll()
    {
        long start = Stopwatch.GetTimestamp();
        _isConfirmed = IsAskDue;
        if (_isConfirmed && WhyNotInStep(DiskMirror.IsReadyAndDrained) is { Length: > 0 } why)
            return CallOutcome.Failed(why);
        _isProven = true;
        if (Judge(out string detail) != DiskMirrorState.Ready) return CallOutcome.Failed(detail);
        return Log.TryCut(out _end)
            ? CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start))
            : CallOutcome.Failed(OverLimit);
    }

    /// <inheritdoc/>
    private protected override bool TryEndCut(out long end)
    {
        end = _end;
        return true;
    }

    /// <inheritdoc/>
    private protected override void Forget() => _isProven = false;

    private bool IsAskDue => AsksBeforeCut || !_isProven;

    private string WhyNotInStep(Func<BlockJobInfo?, bool> isInStep)
    {
        QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = TakeAnswer();
        if (!jobs.IsOk) return jobs.Description;
        foreach (FollowedDisk disk in Disks)
        {
            BlockJobInfo? job = disk.Job.JobIn(jobs.Value);
            if (!isInStep(job)) return $"disk {disk.Geometry.Id} is not in step: {Describe(job)}";
        }

        return "";
    }

    // The answer of another pause says nothing of this one, and is not waited for.
    private void ForgetQuestion()
    {
        if (_asked is { } asked) Monitor.Finish(asked, TimeSpan.Zero);
        _asked = null;
    }

    private QmpOutcome<IReadOnlyList<BlockJobInfo>> TakeAnswer()
    {
        if (_asked is not { } asked) return QueryJobs();
        _asked = null;
        return Monitor.Finish(asked, DiskJobLimits.CommandDeadline);
    }

    private static string Describe(BlockJobInfo? job) => job is null
        ? "it has no mirror"
        : $"mirror {job.Status}, {job.Offset} of {job.Length} bytes, I/O {job.IoStatus}";
}
