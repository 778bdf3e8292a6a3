using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Policy;
using Umbra.Core.Protocol;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>A disk that is followed.</summary>
/// <param name="Geometry">Its id and size.</param>
/// <param name="SourceNode">Block node that its device reads and writes.</param>
/// <param name="Image">
/// Its raw image, which what the log forgets is read from; empty where it cannot be read from outside QEMU.
/// </param>
public sealed record SourceDisk(DiskGeometry Geometry, string SourceNode, string Image);

/// <summary>What <see cref="SourceDisks"/> works with.</summary>
public sealed record SourceDisksOptions
{
    /// <summary>The VM's name, as a part of export names.</summary>
    public required VmId Vm { get; init; }

    /// <summary>Its writable disks, in order.</summary>
    public required IReadOnlyList<SourceDisk> Disks { get; init; }

    /// <summary>First monitor.</summary>
    public required QmpSession Monitor { get; init; }

    /// <summary>Second monitor.</summary>
    public required QemuBrake Brake { get; init; }

    /// <summary>The agent's NBD server.</summary>
    public required NbdServer Server { get; init; }

    /// <summary>
    /// Limit of the log, bytes; at least <see cref="PolicyRules.DiskLogBytesMin"/>. Over it what it forgets has to be
    /// read from the disks, or the disks to be copied anew.
    /// </summary>
    public required long LogBytesMax { get; init; }

    /// <summary>
    /// Whether the VM may run at this moment: it is stopped for a moment while its jobs are ended, and its lease may
    /// end meanwhile.
    /// </summary>
    public Func<bool> MayRun { get; init; } = static () => true;

    /// <summary>Called, from any thread, when the end of a cut may be known.</summary>
    public Action CutEnded { get; init; } = static () => { };

    /// <summary>Drives the watch.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>
/// The disks of one running VM with their jobs, exports and log. The replicating thread calls it; the log is filled by
/// the server's threads. A watch holds a copy back while the log is more than half full, where its reader lets go of
/// what it has read.
/// </summary>
public abstract class SourceDisks : ISourceDisks, IDisposable
{
    private const double HoldCopyAbove = 0.5;
    private const double GoOnBelow = 0.25;

    private readonly SourceDisksOptions _options;
    private readonly FollowedDisk[] _disks;
    private readonly ITimer _watch;
    private readonly Lock _watchGate = new();
    private volatile string _braked = "";
    private long _attempt;
    private long _brakes;
    private bool _isDisposed;
    private byte[] _piece = [];
    private long _owedAtFirst;

    /// <summary>Disks that are not followed yet: <see cref="Restart"/> begins.</summary>
    /// <param name="options">What to work with.</param>
    /// <param name="jobs">One for each disk.</param>
    private protected SourceDisks(SourceDisksOptions options, IReadOnlyList<DiskJob> jobs)
    {
        Invariant.Holds(options.LogBytesMax >= PolicyRules.DiskLogBytesMin);
        _options = options;
        Log = new DiskLog(options.LogBytesMax);
        _disks = [.. options.Disks.Select((d, i) => new FollowedDisk(i, d, jobs[i]))];
        Geometry = [.. options.Disks.Select(d => d.Geometry)];
        _watch = options.Time.CreateTimer(_ => Watch(), null, DiskJobLimits.WatchPeriod, DiskJobLimits.WatchPeriod);
    }

    /// <summary>Disks that are followed in this mode, once <see cref="Restart"/> has begun.</summary>
    public static SourceDisks Create(SourceDisksOptions options, DiskMode mode) =>
        mode == DiskMode.Backup ? new BackedUpDisks(options) : new MirroredDisks(options);

    /// <inheritdoc/>
    public IReadOnlyList<DiskGeometry> Geometry { get; }

    /// <inheritdoc/>
    public DiskMirrorState State => Judge(out _);

    /// <inheritdoc/>
    public string Detail
    {
        get
        {
            Judge(out string detail);
            return detail;
        }
    }

    /// <inheritdoc/>
    public double Progress
    {
        get
        {
            if (_disks.All(d => d.Job.State == DiskJobState.Ready))
                return Math.Max(0, 1 - ((double)Log.OwedBytes / Math.Max(1, _owedAtFirst)));
            QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = QueryJobs();
            if (!jobs.IsOk) return 0;
            // A full copy that has ended may have no job any more.
            double done = _disks.Sum(d => d.Geometry.Bytes * (d.Job.State == DiskJobState.Ready
                ? 1
                : d.Job.JobIn(jobs.Value) is { Length: > 0 } job ? (double)job.Offset / job.Length : 0));
            return done / _disks.Sum(d => d.Geometry.Bytes);
        }
    }

    /// <inheritdoc/>
    public long First => Log.First;

    /// <inheritdoc/>
    public long End => Log.End;

    /// <inheritdoc/>
    public long ReplacedBytes => Log.ReplacedBytes;

    /// <inheritdoc/>
    public long BytesFrom(long number) => Log.BytesFrom(number);

    /// <summary>How often the brake was pulled.</summary>
    public long Brakes => Interlocked.Read(ref _brakes);

    /// <summary>How often <see cref="Cut"/> succeeded.</summary>
    public long Cuts { get; private set; }

    /// <summary>
    /// Whether every cut asks QEMU before it is made, whatever is known: for one that nothing may fail afterwards.
    /// </summary>
    public bool AsksBeforeCut { get; set; }

    /// <inheritdoc/>
    public CallOutcome Restart()
    {
        long start = Stopwatch.GetTimestamp();
        lock (_watchGate)
        {
            CallOutcome ended = EndJobs();
            if (!ended.Succeeded) return ended;
            bool canCatchUp = _disks.All(d => d.HasImage);
            Log.Restart(canCatchUp ? [.. Geometry.Select(d => d.Bytes)] : []);
            _braked = "";
            _attempt++;
            IsStreamed = true;
            foreach (FollowedDisk disk in _disks)
            {
                QmpOutcome<QmpNothing> outcome = Start(disk);
                if (!outcome.IsOk) return CallOutcome.Failed($"disk {disk.Geometry.Id}: {outcome.Description}");
            }
        }

        return CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start));
    }

    /// <inheritdoc/>
    public bool TryRead(long number, Span<byte> data, out DiskOperation operation) =>
        Log.TryRead(number, data, out operation);

    /// <inheritdoc/>
    public CallOutcome Cut()
    {
        if (_disks.Length == 0) return CallOutcome.Done;
        CallOutcome cut = CutAll();
        if (cut.Succeeded) Cuts++;
        return cut;
    }

    /// <inheritdoc/>
    public bool TryGetCutEnd(out long end)
    {
        end = 0;
        if (_disks.Length > 0 && !TryEndCut(out end)) return false;
        IsStreamed = false;
        return true;
    }

    /// <summary>Sends the question that <see cref="Confirm"/> takes the answer of, where there is one to ask.</summary>
    public virtual void AskAgain()
    {
    }

    /// <summary>
    /// After a cut, before it counts: whether nothing has failed up to now that events have not told of yet. What fails
    /// a job stays with it, so the VM may run by now.
    /// </summary>
    /// <param name="isStopped">Whether it does not, so that nothing may be on its way either.</param>
    public virtual CallOutcome Confirm(bool isStopped) => CallOutcome.Done;

    /// <inheritdoc/>
    public void Release(long number) => Log.Release(number);

    /// <inheritdoc/>
    public long OwedBytes => Log.OwedBytes;

    /// <inheritdoc/>
    public CallOutcome CatchUp()
    {
        IsStreamed = true;
        Log.CatchUp();
        _owedAtFirst = Log.OwedBytes;
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ReadOwed()
    {
        if (!Log.TryTakeOwed(DiskJobLimits.OwedBytesMax, out int disk, out long offset, out int length))
            return CallOutcome.Done;
        if (_piece.Length < length) _piece = GC.AllocateUninitializedArray<byte>(length);
        if (_disks[disk].ReadImage(offset, _piece.AsSpan(0, length)) is { } error)
        {
            Log.DropTaken();
            return CallOutcome.Failed(error.Message);
        }

        Log.PutOwed(_piece.AsSpan(0, length));
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public void Forgo(long number) => Log.Forgo(number);

    /// <summary>
    /// Stops the VM's vCPUs and drains its disks. Where that hangs on the server the brake is pulled, and the jobs are
    /// broken.
    /// </summary>
    public virtual QmpOutcome<QmpNothing> StopGuest() => StopBare();

    /// <summary>
    /// Ends the jobs; the VM runs on with its own disks, after a pause of some milliseconds where there are any.
    /// </summary>
    public CallOutcome Stop()
    {
        lock (_watchGate) return EndJobs();
    }

    /// <summary>Lets go of QEMU and of the server. What is copied on finds its export gone.</summary>
    public void Dispose()
    {
        _watch.Dispose();
        lock (_watchGate)
        {
            _isDisposed = true;
            foreach (FollowedDisk disk in _disks)
            {
                disk.Export?.Retire();
                Withdraw(disk);
                disk.Dispose();
            }
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Whether the reader lets go of what it has read: up to the end of the first cut that follows on a full copy or on
    /// catching up. Later ones are kept until the shadow has them, so that holding them back would hold them for ever.
    /// </summary>
    private protected bool IsStreamed { get; private set; }

    /// <summary>What is logged and not released.</summary>
    private protected DiskLog Log { get; }

    /// <summary>The disks, in order.</summary>
    private protected IReadOnlyList<FollowedDisk> Disks => _disks;

    /// <summary>First monitor.</summary>
    private protected QmpSession Monitor => _options.Monitor;

    /// <summary>Why an overflow keeps a cut from being made.</summary>
    private protected string OverLimit => $"the log of disk writes exceeded its limit of {Log.BytesMax} bytes";

    /// <summary><see cref="Cut"/> of at least one disk.</summary>
    private protected abstract CallOutcome CutAll();

    /// <summary><see cref="TryGetCutEnd"/> of at least one disk.</summary>
    private protected abstract bool TryEndCut(out long end);

    /// <summary>The jobs are about to be ended, and nothing that is known of them will hold.</summary>
    private protected virtual void Forget()
    {
    }

    /// <summary>The block jobs that QEMU has.</summary>
    private protected QmpOutcome<IReadOnlyList<BlockJobInfo>> QueryJobs() =>
        Monitor.Execute(QmpCommands.QueryBlockJobs, DiskJobLimits.CommandDeadline);

    /// <summary>How the following stands, and why it is not complete.</summary>
    private protected DiskMirrorState Judge(out string detail)
    {
        detail = _braked;
        if (detail.Length > 0) return DiskMirrorState.Broken;
        bool isReady = true;
        foreach (FollowedDisk disk in _disks)
        {
            DiskJobState state = disk.Job.State;
            isReady &= state == DiskJobState.Ready;
            if (state is DiskJobState.Copying or DiskJobState.Ready) continue;
            detail = state == DiskJobState.Stopped ? "not started" : disk.Job.Detail;
            return DiskMirrorState.Broken;
        }

        if (!Log.Overflowed)
            return isReady && Log.OwedBytes == 0 ? DiskMirrorState.Ready : DiskMirrorState.Copying;
        // What a full copy had logged is not known any more once it was sent.
        detail = OverLimit;
        return isReady && Log.CanCatchUp ? DiskMirrorState.Owing : DiskMirrorState.Broken;
    }

    private void NoteBrake()
    {
        _braked = $"stop hung on the disks' jobs for {DiskJobLimits.StallMax.TotalMilliseconds} ms";
        Interlocked.Increment(ref _brakes);
    }

    /// <summary>
    /// Cancels every job with the VM stopped (see <see cref="DiskJob.Stop"/>) and withdraws the exports.
    /// </summary>
    private CallOutcome EndJobs()
    {
        Forget();
        foreach (FollowedDisk disk in _disks) disk.Export?.Retire();
        QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = QueryJobs();
        if (!jobs.IsOk) return CallOutcome.Failed(jobs.Description);
        QmpOutcome<string> status = Monitor.Execute(QmpCommands.QueryStatus, DiskJobLimits.CommandDeadline);
        if (!status.IsOk) return CallOutcome.Failed(status.Description);
        bool pauses = status.Value == "running" && _disks.Any(d => d.Job.JobIn(jobs.Value) is not null);
        QmpOutcome<QmpNothing> outcome = pauses ? StopBare() : QmpOutcome.Ok<QmpNothing>(default);
        foreach (FollowedDisk disk in _disks)
        {
            if (outcome.IsOk) outcome = disk.Job.Stop();
            Withdraw(disk);
        }

        // Also when the stop was not answered: it may take effect yet.
        QmpOutcome<QmpNothing> resumed = pauses ? LetRun() : QmpOutcome.Ok<QmpNothing>(default);
        if (!resumed.IsOk) return CallOutcome.Failed("the VM is stopped and does not resume: " + resumed.Description);
        return outcome.IsOk ? CallOutcome.Done : CallOutcome.Failed(outcome.Description);
    }

    // A guard that stops the VM at its lease's end does so once, and perhaps while it is stopped here.
    private QmpOutcome<QmpNothing> LetRun()
    {
        QmpOutcome<QmpNothing> over = QmpOutcome.Failed<QmpNothing>(QmpStatus.QemuError, "it may not run any more");
        if (!_options.MayRun()) return over;
        QmpOutcome<QmpNothing> resumed = RunControl.Resume(Monitor, DiskJobLimits.CommandDeadline);
        if (_options.MayRun()) return resumed;
        StopGuest();
        return over;
    }

    private QmpOutcome<QmpNothing> Start(FollowedDisk disk)
    {
        var export = new DiskExport(disk.Number, disk.Geometry.Bytes, Log);
        disk.Offer(export, $"{_options.Vm}/{disk.Geometry.Id}/{_attempt}");
        _options.Server.Exports.Set(disk.ExportName, export);
        return disk.Job.Start(_options.Server.Path, disk.ExportName, CopySpeed.For(Log.BytesMax));
    }

    private void Withdraw(FollowedDisk disk)
    {
        if (disk.Export is not null) _options.Server.Exports.Remove(disk.ExportName);
    }

    private QmpOutcome<QmpNothing> StopBare() =>
        DiskJobBrake.Stop(Monitor, _options.Brake, _disks.Length, NoteBrake);

    private void Watch()
    {
        // A hung monitor must not pile up timer callbacks.
        if (!_watchGate.TryEnter()) return;
        try
        {
            if (_isDisposed) return;
            foreach (FollowedDisk disk in _disks) BalanceCopy(disk);
        }
        finally
        {
            _watchGate.Exit();
        }
    }

    private void BalanceCopy(FollowedDisk disk)
    {
        if (disk.Job.State is not (DiskJobState.Copying or DiskJobState.Ready)) return;
        bool hold = disk.Job.MayBeHeld && Log.Fill > (disk.IsHeld ? GoOnBelow : HoldCopyAbove);
        if (hold == disk.IsHeld) return;
        QmpOutcome<QmpNothing> outcome = disk.Job.HoldCopy(hold, DiskJobLimits.WatchPeriod);
        if (outcome.Status is QmpStatus.Ok or QmpStatus.QemuError) disk.IsHeld = hold;
    }
}
