using System.Diagnostics;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Policy;
using Umbra.Core.Protocol;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>One disk to be mirrored.</summary>
/// <param name="Geometry">Its id and size.</param>
/// <param name="SourceNode">Block node that its device reads and writes.</param>
/// <param name="Image">
/// Its raw image, which what the log forgets is read from; empty where it cannot be read from outside QEMU.
/// </param>
public sealed record MirroredDisk(DiskGeometry Geometry, string SourceNode, string Image);

/// <summary>What <see cref="MirroredDisks"/> works with.</summary>
public sealed record MirroredDisksOptions
{
    /// <summary>The VM's name, as a part of export names.</summary>
    public required VmId Vm { get; init; }

    /// <summary>Its writable disks, in order.</summary>
    public required IReadOnlyList<MirroredDisk> Disks { get; init; }

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
    /// Whether the VM may run at this moment: it is stopped for a moment while its mirrors are ended, and its lease may
    /// end meanwhile.
    /// </summary>
    public Func<bool> MayRun { get; init; } = static () => true;

    /// <summary>Drives the watch.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>
/// The disks of one running VM with their mirrors, exports and log. The replicating thread calls it; the log is filled
/// by the server's threads. A watch holds the full copy back while the log is more than half full.
/// </summary>
public sealed class MirroredDisks : ISourceDisks, IDisposable
{
    private const double HoldCopyAbove = 0.5;
    private const double GoOnBelow = 0.25;

    private readonly MirroredDisksOptions _options;
    private readonly DiskLog _log;
    private readonly Mirrored[] _disks;
    private readonly ITimer _watch;
    private readonly Lock _watchGate = new();
    private volatile string _braked = "";
    private long _attempt;
    private long _brakes;
    private bool _isDisposed;
    private bool _isProven;
    private bool _isConfirmed;
    private QmpCall<IReadOnlyList<BlockJobInfo>>? _asked;
    private byte[] _piece = [];
    private long _owedAtFirst;

    /// <summary>Disks that are not mirrored yet: <see cref="Restart"/> begins.</summary>
    public MirroredDisks(MirroredDisksOptions options)
    {
        Invariant.Holds(options.LogBytesMax >= PolicyRules.DiskLogBytesMin);
        _options = options;
        _log = new DiskLog(options.LogBytesMax);
        _disks = [.. options.Disks.Select((d, i) => new Mirrored(i, d, options.Monitor))];
        Geometry = [.. options.Disks.Select(d => d.Geometry)];
        _watch = options.Time.CreateTimer(_ => Watch(), null, MirrorLimits.WatchPeriod, MirrorLimits.WatchPeriod);
    }

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
            if (_disks.All(d => d.Mirror.State == MirrorState.Ready))
                return Math.Max(0, 1 - ((double)_log.OwedBytes / Math.Max(1, _owedAtFirst)));
            QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = QueryJobs();
            if (!jobs.IsOk) return 0;
            BlockJobInfo?[] ours = [.. _disks.Select(d => d.Mirror.JobIn(jobs.Value))];
            long length = ours.Sum(j => j?.Length ?? 0);
            return length == 0 ? 0 : (double)ours.Sum(j => j?.Offset ?? 0) / length;
        }
    }

    /// <inheritdoc/>
    public long First => _log.First;

    /// <inheritdoc/>
    public long End => _log.End;

    /// <inheritdoc/>
    public long ReplacedBytes => _log.ReplacedBytes;

    /// <inheritdoc/>
    public long BytesFrom(long number) => _log.BytesFrom(number);

    /// <summary>How often the brake was pulled.</summary>
    public long Brakes => Interlocked.Read(ref _brakes);

    /// <inheritdoc/>
    public CallOutcome Restart()
    {
        long start = Stopwatch.GetTimestamp();
        lock (_watchGate)
        {
            CallOutcome ended = EndMirrors();
            if (!ended.Succeeded) return ended;
            bool canCatchUp = _disks.All(d => d.HasImage);
            _log.Restart(canCatchUp ? [.. Geometry.Select(d => d.Bytes)] : []);
            _braked = "";
            _attempt++;
            foreach (Mirrored disk in _disks)
            {
                QmpOutcome<QmpNothing> outcome = Start(disk);
                if (!outcome.IsOk) return CallOutcome.Failed($"disk {disk.Geometry.Id}: {outcome.Description}");
            }
        }

        return CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start));
    }

    /// <inheritdoc/>
    public bool TryRead(long number, Span<byte> data, out DiskOperation operation) =>
        _log.TryRead(number, data, out operation);

    /// <summary>How often <see cref="Cut"/> succeeded.</summary>
    public long Cuts { get; private set; }

    /// <summary>
    /// Whether every cut asks QEMU before it is made, whatever is known: for one that nothing may fail afterwards.
    /// </summary>
    public bool AsksBeforeCut { get; set; }

    /// <inheritdoc/>
    /// <remarks>
    /// QEMU is asked before the first cut of a run of the mirrors: nothing is left to be copied. From then on each
    /// write is on the server before the guest hears that it is done, or the mirror fails and says so, before
    /// <c>stop</c> is answered. So the cuts that follow go by QEMU's events, and <see cref="Confirm"/> asks after them.
    /// </remarks>
    public CallOutcome Cut(out long end)
    {
        CallOutcome cut = CutAll(out end);
        if (cut.Succeeded) Cuts++;
        return cut;
    }

    private CallOutcome CutAll(out long end)
    {
        long start = Stopwatch.GetTimestamp();
        end = 0;
        if (_disks.Length == 0) return CallOutcome.Done;
        _isConfirmed = IsAskDue;
        if (_isConfirmed && WhyNotInStep(DiskMirror.IsReadyAndDrained) is { Length: > 0 } why)
            return CallOutcome.Failed(why);
        _isProven = true;
        if (Judge(out string detail) != DiskMirrorState.Ready) return CallOutcome.Failed(detail);
        return _log.TryCut(out end)
            ? CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start))
            : CallOutcome.Failed(OverLimit);
    }

    /// <summary>Sends the question that <see cref="Confirm"/> takes the answer of, where there is one to ask.</summary>
    public void AskAgain()
    {
        if (_disks.Length > 0 && !_isConfirmed) _asked ??= _options.Monitor.Begin(QmpCommands.QueryBlockJobs);
    }

    /// <summary>
    /// After a cut, before it counts: whether the mirrors have never failed up to now, as their events said. What fails
    /// a mirror stays with it, so the VM may run by now.
    /// </summary>
    /// <param name="isStopped">Whether it does not, so that nothing may be on its way either.</param>
    public CallOutcome Confirm(bool isStopped)
    {
        if (_disks.Length == 0 || _isConfirmed) return CallOutcome.Done;
        string why = WhyNotInStep(isStopped ? DiskMirror.IsReadyAndDrained : DiskMirror.IsReady);
        _isConfirmed = _isProven = why.Length == 0;
        return _isConfirmed ? CallOutcome.Done : CallOutcome.Failed(why);
    }

    /// <inheritdoc/>
    public void Release(long number) => _log.Release(number);

    /// <inheritdoc/>
    public long OwedBytes => _log.OwedBytes;

    /// <inheritdoc/>
    public CallOutcome CatchUp()
    {
        _log.CatchUp();
        _owedAtFirst = _log.OwedBytes;
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ReadOwed()
    {
        if (!_log.TryTakeOwed(MirrorLimits.OwedBytesMax, out int disk, out long offset, out int length))
            return CallOutcome.Done;
        if (_piece.Length < length) _piece = GC.AllocateUninitializedArray<byte>(length);
        if (_disks[disk].ReadImage(offset, _piece.AsSpan(0, length)) is { } error)
        {
            _log.DropTaken();
            return CallOutcome.Failed(error.Message);
        }

        _log.PutOwed(_piece.AsSpan(0, length));
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public void Forgo(long number) => _log.Forgo(number);

    /// <summary>
    /// Stops the VM's vCPUs and drains its disks. Where that hangs on the server the brake is pulled, and the mirrors
    /// are broken.
    /// </summary>
    public QmpOutcome<QmpNothing> StopGuest()
    {
        ForgetQuestion();
        QmpOutcome<QmpNothing> stopped = StopBare();
        // QEMU answers while the caller copies memory: the cut then costs the pause no round trip.
        if (stopped.IsOk && _disks.Length > 0 && IsAskDue) _asked = _options.Monitor.Begin(QmpCommands.QueryBlockJobs);
        return stopped;
    }

    /// <summary>
    /// Ends the mirrors; the VM runs on with its own disks, after a pause of some milliseconds where there are any.
    /// </summary>
    public CallOutcome Stop()
    {
        lock (_watchGate) return EndMirrors();
    }

    /// <summary>Lets go of QEMU and of the server. Mirrors that run find their exports gone and pause.</summary>
    public void Dispose()
    {
        _watch.Dispose();
        lock (_watchGate)
        {
            _isDisposed = true;
            foreach (Mirrored disk in _disks)
            {
                disk.Export?.Retire();
                Withdraw(disk);
                disk.Dispose();
            }
        }
    }

    private bool IsAskDue => AsksBeforeCut || !_isProven;

    private string WhyNotInStep(Func<BlockJobInfo?, bool> isInStep)
    {
        QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = TakeAnswer();
        if (!jobs.IsOk) return jobs.Description;
        foreach (Mirrored disk in _disks)
        {
            BlockJobInfo? job = disk.Mirror.JobIn(jobs.Value);
            if (!isInStep(job)) return $"disk {disk.Geometry.Id} is not in step: {Describe(job)}";
        }

        return "";
    }

    private void NoteBrake()
    {
        _braked = $"stop hung on the mirrors for {MirrorLimits.StallMax.TotalMilliseconds} ms";
        Interlocked.Increment(ref _brakes);
    }

    /// <summary>
    /// Cancels every job with the VM stopped (see <see cref="DiskMirror.Stop"/>) and withdraws the exports.
    /// </summary>
    private CallOutcome EndMirrors()
    {
        _isProven = false;
        foreach (Mirrored disk in _disks) disk.Export?.Retire();
        QmpOutcome<IReadOnlyList<BlockJobInfo>> jobs = QueryJobs();
        if (!jobs.IsOk) return CallOutcome.Failed(jobs.Description);
        QmpOutcome<string> status = _options.Monitor.Execute(QmpCommands.QueryStatus, MirrorLimits.CommandDeadline);
        if (!status.IsOk) return CallOutcome.Failed(status.Description);
        bool pauses = status.Value == "running" && _disks.Any(d => d.Mirror.JobIn(jobs.Value) is not null);
        QmpOutcome<QmpNothing> outcome = pauses ? StopBare() : QmpOutcome.Ok<QmpNothing>(default);
        foreach (Mirrored disk in _disks)
        {
            if (outcome.IsOk) outcome = disk.Mirror.Stop();
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
        QmpOutcome<QmpNothing> resumed = RunControl.Resume(_options.Monitor, MirrorLimits.CommandDeadline);
        if (_options.MayRun()) return resumed;
        StopGuest();
        return over;
    }

    private QmpOutcome<QmpNothing> Start(Mirrored disk)
    {
        var export = new DiskExport(disk.Number, disk.Geometry.Bytes, _log);
        disk.Offer(export, $"{_options.Vm}/{disk.Geometry.Id}/{_attempt}");
        _options.Server.Exports.Set(disk.ExportName, export);
        return disk.Mirror.Start(_options.Server.Path, disk.ExportName, CopySpeed.For(_log.BytesMax));
    }

    private void Withdraw(Mirrored disk)
    {
        if (disk.Export is not null) _options.Server.Exports.Remove(disk.ExportName);
    }

    private DiskMirrorState Judge(out string detail)
    {
        detail = _braked;
        if (detail.Length > 0) return DiskMirrorState.Broken;
        bool isReady = true;
        foreach (Mirrored disk in _disks)
        {
            MirrorState state = disk.Mirror.State;
            isReady &= state == MirrorState.Ready;
            if (state is MirrorState.Copying or MirrorState.Ready) continue;
            detail = state == MirrorState.Stopped ? "not started" : disk.Mirror.Detail;
            return DiskMirrorState.Broken;
        }

        if (!_log.Overflowed)
            return isReady && _log.OwedBytes == 0 ? DiskMirrorState.Ready : DiskMirrorState.Copying;
        // What a full copy had logged is not known any more once it was sent.
        detail = OverLimit;
        return isReady && _log.CanCatchUp ? DiskMirrorState.Owing : DiskMirrorState.Broken;
    }

    private string OverLimit => $"the log of disk writes exceeded its limit of {_log.BytesMax} bytes";

    private QmpOutcome<QmpNothing> StopBare() =>
        MirrorBrake.Stop(_options.Monitor, _options.Brake, _disks.Length, NoteBrake);

    // The answer of another pause says nothing of this one, and is not waited for.
    private void ForgetQuestion()
    {
        if (_asked is { } asked) _options.Monitor.Finish(asked, TimeSpan.Zero);
        _asked = null;
    }

    private QmpOutcome<IReadOnlyList<BlockJobInfo>> TakeAnswer()
    {
        if (_asked is not { } asked) return QueryJobs();
        _asked = null;
        return _options.Monitor.Finish(asked, MirrorLimits.CommandDeadline);
    }

    private QmpOutcome<IReadOnlyList<BlockJobInfo>> QueryJobs() =>
        _options.Monitor.Execute(QmpCommands.QueryBlockJobs, MirrorLimits.CommandDeadline);

    private static string Describe(BlockJobInfo? job) => job is null
        ? "it has no mirror"
        : $"mirror {job.Status}, {job.Offset} of {job.Length} bytes, I/O {job.IoStatus}";

    private void Watch()
    {
        // A hung monitor must not pile up timer callbacks.
        if (!_watchGate.TryEnter()) return;
        try
        {
            if (_isDisposed) return;
            foreach (Mirrored disk in _disks) BalanceCopy(disk);
        }
        finally
        {
            _watchGate.Exit();
        }
    }

    private void BalanceCopy(Mirrored disk)
    {
        MirrorState state = disk.Mirror.State;
        if (state is not (MirrorState.Copying or MirrorState.Ready)) return;
        bool hold = state == MirrorState.Copying && _log.Fill > (disk.IsHeld ? GoOnBelow : HoldCopyAbove);
        if (hold == disk.IsHeld) return;
        QmpOutcome<QmpNothing> outcome = disk.Mirror.HoldCopy(hold, MirrorLimits.WatchPeriod);
        if (outcome.Status is QmpStatus.Ok or QmpStatus.QemuError) disk.IsHeld = hold;
    }
}
