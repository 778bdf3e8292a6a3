using System.Text.Json.Nodes;
using Umbra.Core.Basics;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>How a disk's mirror stands.</summary>
public enum MirrorState
{
    /// <summary>There is none.</summary>
    Stopped = 0,

    /// <summary>The full copy is under way; the guest's own writes are mirrored beside it.</summary>
    Copying = 1,

    /// <summary>
    /// The copy is complete: each of the guest's writes is on the server before the guest hears it is done.
    /// </summary>
    Ready = 2,

    /// <summary>An error has paused or ended it: the server's copy is not what the guest sees.</summary>
    Failed = 3,
}

/// <summary>How fast a full copy may go.</summary>
/// <param name="BytesPerSecondMax">0: no limit.</param>
/// <param name="BytesInFlightMax">What may be on its way at once.</param>
public readonly record struct CopySpeed(long BytesPerSecondMax, long BytesInFlightMax)
{
    /// <summary>
    /// As fast as a log of this size can take when it is looked at every <see cref="MirrorLimits.WatchPeriod"/>: what
    /// comes in between two looks stays below a third of it. The guest's own writes are not slowed.
    /// </summary>
    public static CopySpeed For(long logBytesMax) =>
        new(2 * logBytesMax, Math.Clamp(logBytesMax / 16, Sizes.MiB, 16 * Sizes.MiB));
}

/// <summary>
/// The mirror of one disk into an NBD server: a <c>blockdev-mirror</c> job, <c>sync=full</c>,
/// <c>copy-mode=write-blocking</c>. An error of the target pauses the job and never harms the guest
/// (<c>on-target-error=stop</c>). The state follows QEMU's events; commands are for one thread at a time.
/// </summary>
public sealed class DiskMirror : IDisposable
{
    private readonly QmpSession _monitor;
    private readonly int _disk;
    private readonly string _source;
    private readonly IDisposable _subscription;
    private volatile MirrorState _state;
    private volatile string _detail = "";

    /// <summary>A mirror that is not started.</summary>
    /// <param name="monitor">The VM's first monitor.</param>
    /// <param name="disk">The disk's number; names of the job and its nodes follow from it.</param>
    /// <param name="sourceNode">Block node that the disk's device reads and writes.</param>
    public DiskMirror(QmpSession monitor, int disk, string sourceNode)
    {
        _monitor = monitor;
        _disk = disk;
        _source = sourceNode;
        _subscription = monitor.Subscribe(OnEvent);
    }

    /// <summary>How it stands.</summary>
    public MirrorState State => _state;

    /// <summary>Why it failed, for people; else empty.</summary>
    public string Detail => _detail;

    /// <summary>
    /// Starts the mirror from the disk's first byte. What is left of an earlier one must have been cleared away by
    /// <see cref="Stop"/>; the VM may run.
    /// </summary>
    /// <param name="socketPath">The NBD server's socket.</param>
    /// <param name="export">Name of the export.</param>
    /// <param name="speed">How fast the full copy may go.</param>
    public QmpOutcome<QmpNothing> Start(string socketPath, string export, CopySpeed speed)
    {
        QmpOutcome<QmpNothing> outcome = Execute(QmpCommands.BlockdevAdd(TargetOptions(socketPath, export)));
        if (!outcome.IsOk) return Fail(outcome);
        // The job may be ready before its command is answered.
        _detail = "";
        _state = MirrorState.Copying;
        outcome = Execute(QmpCommands.BlockdevMirror(JobOptions(speed)));
        if (outcome.IsOk) return outcome;
        Execute(QmpCommands.BlockdevDel(MirrorNames.Target(_disk)));
        return Fail(outcome);
    }

    /// <summary>
    /// Lets a job that an error has paused go on; it copies what it could not. Only right when the server has kept all
    /// that it acknowledged; otherwise start anew.
    /// </summary>
    public QmpOutcome<QmpNothing> Resume()
    {
        QmpOutcome<BlockJobInfo?> job = Query();
        if (!job.IsOk) return job.As<QmpNothing>();
        if (job.Value is null)
            return Fail(QmpOutcome.Failed<QmpNothing>(QmpStatus.QemuError, "the mirror job has ended"));
        _detail = "";
        _state = job.Value.Ready ? MirrorState.Ready : MirrorState.Copying;
        return Execute(QmpCommands.BlockJobResume(MirrorNames.Job(_disk)));
    }

    /// <summary>
    /// Holds the full copy back, or lets it go on: the answer to a log that fills faster than it is read. The guest's
    /// own writes are mirrored all the while. Doing it twice is an error of QEMU's and harmless.
    /// </summary>
    public QmpOutcome<QmpNothing> HoldCopy(bool hold, TimeSpan deadline) => _monitor.Execute(
        hold
            ? QmpCommands.BlockJobPause(MirrorNames.Job(_disk))
            : QmpCommands.BlockJobResume(MirrorNames.Job(_disk)),
        deadline);

    /// <summary>The job as QEMU sees it; null when there is none.</summary>
    public QmpOutcome<BlockJobInfo?> Query()
    {
        QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = Execute(QmpCommands.QueryBlockJobs);
        return jobs.IsOk ? QmpOutcome.Ok(JobIn(jobs.Value)) : jobs.As<BlockJobInfo?>();
    }

    /// <summary>This disk's job among those of the VM; null when there is none.</summary>
    public BlockJobInfo? JobIn(IReadOnlyList<BlockJobInfo> jobs)
    {
        foreach (BlockJobInfo job in jobs)
        {
            if (job.Id == MirrorNames.Job(_disk)) return job;
        }

        return null;
    }

    /// <summary>
    /// Whether everything the guest wrote is on the server. Asked while the VM is stopped, so that it stays so.
    /// </summary>
    public static bool IsReadyAndDrained(BlockJobInfo? job) =>
        job is { Ready: true, Paused: false, IoStatus: "ok" }
        && job.Offset == job.Length && job.ActivelySynced != false;

    /// <summary>
    /// Whether the copy was complete once and no write of the guest's has failed to reach the server since. Of a VM
    /// that runs: writes may be on their way, and a job stands still for moments without harm.
    /// </summary>
    public static bool IsReady(BlockJobInfo? job) =>
        job is { Ready: true, IoStatus: "ok" } && job.ActivelySynced != false;

    /// <summary>
    /// Ends the mirror, and what is left of one that another agent started. The VM goes on with its own disk alone.
    /// Only while the VM is stopped: QEMU 7.2 frees the job's bitmaps under the guest's writes in flight, and dies of
    /// it sooner or later (seen after 5 and after 108 cancellations under load; never in 800 of a stopped VM). A
    /// running one is refused.
    /// </summary>
    public QmpOutcome<QmpNothing> Stop()
    {
        _state = MirrorState.Stopped;
        _detail = "";
        QmpOutcome<QmpNothing> outcome = Cancel();
        if (!outcome.IsOk) return Fail(outcome);
        outcome = Execute(QmpCommands.BlockdevDel(MirrorNames.Target(_disk)));
        // QEMU knows no "delete if there": a node that is not there is what was wanted.
        bool wasAbsent = outcome.Status == QmpStatus.QemuError
            && outcome.Description.Contains("Failed to find node", StringComparison.Ordinal);
        return outcome.IsOk || wasAbsent ? QmpOutcome.Ok<QmpNothing>(default) : Fail(outcome);
    }

    /// <summary>Lets go of the monitor. A job that runs goes on.</summary>
    public void Dispose() => _subscription.Dispose();

    private QmpOutcome<QmpNothing> Cancel()
    {
        string id = MirrorNames.Job(_disk);
        using QmpEventWait gone = _monitor.Expect(
            QmpEvent.JobStatusChange, e => e.Text("id") == id && e.Text("status") == "null");
        QmpOutcome<BlockJobInfo?> job = Query();
        if (!job.IsOk) return job.As<QmpNothing>();
        if (job.Value is null) return QmpOutcome.Ok<QmpNothing>(default);
        QmpOutcome<string> status = Execute(QmpCommands.QueryStatus);
        if (!status.IsOk) return status.As<QmpNothing>();
        if (status.Value == "running")
            return QmpOutcome.Failed<QmpNothing>(QmpStatus.QemuError, "a mirror is not cancelled under a running VM");
        QmpOutcome<QmpNothing> outcome = Execute(QmpCommands.BlockJobCancel(id, force: true));
        // It may have ended by itself in between: then there is nothing left to wait for but its last event.
        if (!outcome.IsOk && outcome.Status != QmpStatus.QemuError) return outcome;
        QmpOutcome<QmpEvent> ended = gone.Wait(MirrorLimits.CancelDeadline);
        return ended.IsOk ? QmpOutcome.Ok<QmpNothing>(default) : ended.As<QmpNothing>();
    }

    private QmpOutcome<T> Execute<T>(QmpCommand<T> command) => _monitor.Execute(command, MirrorLimits.CommandDeadline);

    private QmpOutcome<QmpNothing> Fail(QmpOutcome<QmpNothing> outcome)
    {
        _detail = outcome.Description;
        _state = MirrorState.Failed;
        return outcome;
    }

    private JsonObject TargetOptions(string socketPath, string export) => QmpCommands.Object(
        ("driver", "nbd"),
        ("node-name", MirrorNames.Target(_disk)),
        ("server", QmpCommands.Object(("type", "unix"), ("path", socketPath))),
        ("export", export));

    private JsonObject JobOptions(CopySpeed speed) => QmpCommands.Object(
        ("job-id", MirrorNames.Job(_disk)),
        ("device", _source),
        ("target", MirrorNames.Target(_disk)),
        ("filter-node-name", MirrorNames.Filter(_disk)),
        ("sync", "full"),
        ("copy-mode", "write-blocking"),
        ("granularity", Sizes.Block),
        ("speed", speed.BytesPerSecondMax),
        ("buf-size", speed.BytesInFlightMax),
        // Stop, never report: that would end the job by itself, under the guest's writes.
        ("on-source-error", "stop"),
        ("on-target-error", "stop"));

    private void OnEvent(QmpEvent e)
    {
        if (_state == MirrorState.Stopped || e.Text("device") != MirrorNames.Job(_disk)) return;
        switch (e.Name)
        {
            case QmpEvent.BlockJobReady:
                _state = MirrorState.Ready;
                break;
            case QmpEvent.BlockJobError:
                _detail = $"disk {_disk}: {e.Text("operation")} error while mirroring";
                _state = MirrorState.Failed;
                break;
            case QmpEvent.BlockJobCompleted or QmpEvent.BlockJobCancelled:
                _detail = $"disk {_disk}: the mirror ended: {(e.Text("error") is { Length: > 0 } why ? why : e.Name)}";
                _state = MirrorState.Failed;
                break;
        }
    }
}
