using Umbra.Core.Basics;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>How a disk is followed.</summary>
public enum DiskJobState
{
    /// <summary>It is not.</summary>
    Stopped = 0,

    /// <summary>The full copy is under way; what the guest writes meanwhile is not forgotten.</summary>
    Copying = 1,

    /// <summary>The full copy is complete, and what the guest has written since can be had.</summary>
    Ready = 2,

    /// <summary>An error has ended it: the server's copy is not what the guest sees.</summary>
    Failed = 3,
}

/// <summary>How fast a full copy may go.</summary>
/// <param name="BytesPerSecondMax">0: no limit.</param>
/// <param name="BytesInFlightMax">What may be on its way at once.</param>
public readonly record struct CopySpeed(long BytesPerSecondMax, long BytesInFlightMax)
{
    /// <summary>
    /// As fast as a log of this size can take when it is looked at every <see cref="DiskJobLimits.WatchPeriod"/>: what
    /// comes in between two looks stays below a third of it. The guest's own writes are not slowed.
    /// </summary>
    public static CopySpeed For(long logBytesMax) =>
        new(2 * logBytesMax, Math.Clamp(logBytesMax / 16, Sizes.MiB, 16 * Sizes.MiB));
}

/// <summary>
/// What has QEMU copy one disk into an NBD server: a block job at a time, always of the same name. The state follows
/// QEMU's events; commands are for one thread at a time.
/// </summary>
public abstract class DiskJob : IDisposable
{
    private readonly QmpSession _monitor;
    private readonly IDisposable _subscription;
    private volatile DiskJobState _state;
    private volatile string _detail = "";

    /// <summary>One that is not started.</summary>
    /// <param name="monitor">The VM's first monitor.</param>
    /// <param name="disk">The disk's number; names of the job and its nodes follow from it.</param>
    /// <param name="sourceNode">Block node that the disk's device reads and writes.</param>
    protected DiskJob(QmpSession monitor, int disk, string sourceNode)
    {
        _monitor = monitor;
        Disk = disk;
        Source = sourceNode;
        _subscription = monitor.Subscribe(e =>
        {
            if (_state != DiskJobState.Stopped) OnEvent(e);
        });
    }

    /// <summary>How it stands.</summary>
    public DiskJobState State => _state;

    /// <summary>Why it failed, for people; else empty.</summary>
    public string Detail => _detail;

    /// <summary>Whether a copy is under way whose reader lets go of what it has read: it may be held back.</summary>
    public virtual bool MayBeHeld => _state == DiskJobState.Copying;

    /// <summary>The disk's number.</summary>
    protected int Disk { get; }

    /// <summary>Block node that the disk's device reads and writes.</summary>
    protected string Source { get; }

    /// <summary>
    /// Starts it from the disk's first byte. What is left of an earlier one must have been cleared away by
    /// <see cref="Stop"/>; the VM may run.
    /// </summary>
    /// <param name="socketPath">The NBD server's socket.</param>
    /// <param name="export">Name of the export.</param>
    /// <param name="speed">How fast the full copy may go.</param>
    public abstract QmpOutcome<QmpNothing> Start(string socketPath, string export, CopySpeed speed);

    /// <summary>
    /// Holds the copy back, or lets it go on: the answer to a log that fills faster than it is read. The guest's own
    /// writes are followed all the while. Doing it twice is an error of QEMU's and harmless.
    /// </summary>
    public QmpOutcome<QmpNothing> HoldCopy(bool hold, TimeSpan deadline) => _monitor.Execute(
        hold
            ? QmpCommands.BlockJobPause(DiskJobNames.Job(Disk))
            : QmpCommands.BlockJobResume(DiskJobNames.Job(Disk)),
        deadline);

    /// <summary>This disk's job among those of the VM; null when there is none.</summary>
    public BlockJobInfo? JobIn(IReadOnlyList<BlockJobInfo> jobs)
    {
        foreach (BlockJobInfo job in jobs)
        {
            if (job.Id == DiskJobNames.Job(Disk)) return job;
        }

        return null;
    }

    /// <summary>
    /// Ends the copying, and what is left of what another agent started, by mirror or by backup. The VM goes on with
    /// its own disk alone. While there is a job only with the VM stopped: QEMU 7.2 frees a mirror's bitmaps under the
    /// guest's writes in flight, and dies of it sooner or later (seen after 5 and after 108 cancellations under load;
    /// never in 800 of a stopped VM). A running one is refused.
    /// </summary>
    public QmpOutcome<QmpNothing> Stop()
    {
        _state = DiskJobState.Stopped;
        _detail = "";
        QmpOutcome<QmpNothing> outcome = Cancel();
        if (outcome.IsOk) outcome = Remove(QmpCommands.BlockdevDel(DiskJobNames.Tolerant(Disk)));
        if (outcome.IsOk) outcome = Remove(QmpCommands.BlockdevDel(DiskJobNames.Target(Disk)));
        if (outcome.IsOk) outcome = Remove(QmpCommands.BlockDirtyBitmapRemove(Source, DiskJobNames.Changes(Disk)));
        return outcome.IsOk ? outcome : Fail(outcome);
    }

    /// <summary>Lets go of the monitor. A job that runs goes on.</summary>
    public void Dispose()
    {
        _subscription.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Something QEMU says while this is not stopped.</summary>
    protected abstract void OnEvent(QmpEvent e);

    /// <summary>It stands like this from now on.</summary>
    protected void Become(DiskJobState state) => (_detail, _state) = ("", state);

    /// <summary>It has failed.</summary>
    protected void Fail(string detail)
    {
        _detail = $"disk {Disk}: {detail}";
        _state = DiskJobState.Failed;
    }

    /// <summary>It has failed by this outcome.</summary>
    protected QmpOutcome<QmpNothing> Fail(QmpOutcome<QmpNothing> outcome)
    {
        _detail = outcome.Description;
        _state = DiskJobState.Failed;
        return outcome;
    }

    /// <summary>A quick command.</summary>
    protected QmpOutcome<T> Execute<T>(QmpCommand<T> command) =>
        _monitor.Execute(command, DiskJobLimits.CommandDeadline);

    private QmpOutcome<QmpNothing> Cancel()
    {
        string id = DiskJobNames.Job(Disk);
        using QmpEventWait gone = _monitor.Expect(
            QmpEvent.JobStatusChange, e => e.Text("id") == id && e.Text("status") == "null");
        QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = Execute(QmpCommands.QueryBlockJobs);
        if (!jobs.IsOk) return jobs.As<QmpNothing>();
        if (JobIn(jobs.Value) is null) return QmpOutcome.Ok<QmpNothing>(default);
        QmpOutcome<string> status = Execute(QmpCommands.QueryStatus);
        if (!status.IsOk) return status.As<QmpNothing>();
        if (status.Value == "running")
            return QmpOutcome.Failed<QmpNothing>(QmpStatus.QemuError, "a job is not cancelled under a running VM");
        QmpOutcome<QmpNothing> outcome = Execute(QmpCommands.BlockJobCancel(id, force: true));
        // It may have ended by itself in between: then there is nothing left to wait for but its last event.
        if (!outcome.IsOk && outcome.Status != QmpStatus.QemuError) return outcome;
        QmpOutcome<QmpEvent> ended = gone.Wait(DiskJobLimits.CancelDeadline);
        return ended.IsOk ? QmpOutcome.Ok<QmpNothing>(default) : ended.As<QmpNothing>();
    }

    // QEMU knows no "delete if there": what is not there is what was wanted.
    private QmpOutcome<QmpNothing> Remove(QmpCommand<QmpNothing> command)
    {
        QmpOutcome<QmpNothing> outcome = Execute(command);
        bool wasAbsent = outcome.Status == QmpStatus.QemuError
            && (outcome.Description.Contains("Failed to find node", StringComparison.Ordinal)
                || outcome.Description.Contains("not found", StringComparison.Ordinal));
        return wasAbsent ? QmpOutcome.Ok<QmpNothing>(default) : outcome;
    }
}
