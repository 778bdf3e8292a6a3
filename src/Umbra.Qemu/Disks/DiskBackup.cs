using System.Text.Json.Nodes;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>
/// Backups of one disk into an NBD server: a <c>blockdev-backup</c> job with <c>sync=full</c> first, then one with
/// <c>sync=incremental</c> for each cut, of what a dirty bitmap has noted since the one before. Ready is when the full
/// one has ended.
/// </summary>
/// <remarks>
/// While a job runs, a guest's write to a place that is still to be copied waits until the old data is in the server.
/// Where that fails QEMU fails the guest's write (7.2 and 10.0: an I/O error in the guest when the server dies). So the
/// target is a quorum of one, of the server and of a node that takes everything: a write that does not reach the server
/// fails nothing, and QEMU says so before the job can end. That event is held back for up to a second after another of
/// the same node, so each start has a node of its own.
/// </remarks>
public sealed class DiskBackup : DiskJob
{
    private const string NoQuorum = "this QEMU cannot back disks up safely: follow them by --disk-mode mirror";

    // Requests that QEMU sends off before it answers, in the pause: 64 of them, as usual, take it 5 ms.
    private const int CutWorkers = 4;

    private readonly long _bytes;
    private readonly Action _ended;
    private volatile string _vote = "";
    private volatile bool _isCopyingCut;
    private volatile bool _isStreamed;

    /// <summary>One that is not started.</summary>
    /// <param name="monitor">The VM's first monitor.</param>
    /// <param name="disk">The disk's number; names of the job and its nodes follow from it.</param>
    /// <param name="sourceNode">Block node that the disk's device reads and writes.</param>
    /// <param name="bytes">The disk's size.</param>
    /// <param name="ended">Called, from any thread, when a job has ended.</param>
    public DiskBackup(QmpSession monitor, int disk, string sourceNode, long bytes, Action ended)
        : base(monitor, disk, sourceNode) => (_bytes, _ended) = (bytes, ended);

    /// <summary>Whether a cut's job is under way.</summary>
    public bool IsCopyingCut => _isCopyingCut;

    /// <inheritdoc/>
    public override bool MayBeHeld => base.MayBeHeld || (_isCopyingCut && _isStreamed);

    /// <inheritdoc/>
    public override QmpOutcome<QmpNothing> Start(string socketPath, string export, CopySpeed speed)
    {
        _isCopyingCut = false;
        _vote = DiskJobNames.NewVote(Disk);
        QmpOutcome<QmpNothing> outcome = Execute(QmpCommands.BlockdevAdd(TolerantOptions(socketPath, export)));
        if (!outcome.IsOk) outcome = QmpOutcome.Failed<QmpNothing>(outcome.Status, Explain(outcome.Description));
        // The bitmap first: what is written before the copy begins is in both.
        if (outcome.IsOk) outcome = Execute(QmpCommands.BlockDirtyBitmapAdd(Source, DiskJobNames.Changes(Disk)));
        if (!outcome.IsOk) return Fail(outcome);
        Become(DiskJobState.Copying);
        JsonObject job = JobOptions("full");
        job["speed"] = speed.BytesPerSecondMax;
        outcome = Execute(QmpCommands.BlockdevBackup(job));
        return outcome.IsOk ? outcome : Fail(outcome);
    }

    /// <summary>What QEMU says where it cannot have such a target, and what to do about it.</summary>
    public static string Explain(string said) =>
        said.Contains("'quorum'", StringComparison.Ordinal) ? $"{said}; {NoQuorum}" : said;

    /// <summary>
    /// With the VM stopped, and what was written since the last cut about to be copied as it is now: the job that does
    /// it. <see cref="CutBegun"/> says how that went.
    /// </summary>
    /// <param name="speed">
    /// How fast it may go where the reader lets go of what it has read; null where all of it is kept.
    /// </param>
    public JsonObject BeginCut(CopySpeed? speed)
    {
        // It may have ended before its command is answered.
        (_isStreamed, _isCopyingCut) = (speed is not null, true);
        JsonObject job = JobOptions("incremental");
        job["bitmap"] = DiskJobNames.Changes(Disk);
        job["bitmap-mode"] = "on-success";
        job["speed"] = speed?.BytesPerSecondMax ?? 0;
        job["x-perf"] = QmpCommands.Object(("max-workers", CutWorkers));
        return job;
    }

    /// <summary>What QEMU answered to the job of <see cref="BeginCut"/>.</summary>
    public void CutBegun(QmpOutcome<QmpNothing> outcome)
    {
        if (outcome.IsOk) return;
        if (outcome.Status == QmpStatus.QemuError) _isCopyingCut = false;
        else Fail(outcome);
    }

    /// <inheritdoc/>
    protected override void OnEvent(QmpEvent e)
    {
        string job = DiskJobNames.Job(Disk);
        switch (e.Name)
        {
            case QmpEvent.QuorumReportBad when e.Text("node-name") == _vote:
                Fail($"{e.Text("type")} error while backing up");
                break;
            case QmpEvent.BlockJobError when e.Text("device") == job:
                Fail($"{e.Text("operation")} error while backing up");
                break;
            case QmpEvent.BlockJobCancelled when e.Text("device") == job:
                Fail("the backup was cancelled");
                break;
            case QmpEvent.BlockJobCompleted when e.Text("device") == job && e.Text("error") is { Length: > 0 } why:
                Fail($"the backup failed: {why}");
                break;
            case QmpEvent.JobStatusChange when e.Text("id") == job && e.Text("status") == "null":
                if (State == DiskJobState.Copying) Become(DiskJobState.Ready);
                _isCopyingCut = false;
                _ended();
                break;
        }
    }

    private JsonObject JobOptions(string sync) => QmpCommands.Object(
        ("job-id", DiskJobNames.Job(Disk)),
        ("device", Source),
        ("target", DiskJobNames.Tolerant(Disk)),
        ("filter-node-name", DiskJobNames.Filter(Disk)),
        ("sync", sync));

    private JsonObject TolerantOptions(string socketPath, string export) => QmpCommands.Object(
        ("driver", "quorum"),
        ("node-name", DiskJobNames.Tolerant(Disk)),
        ("vote-threshold", 1),
        ("children", new JsonArray(
            QmpCommands.Object(
                ("driver", "raw"),
                ("node-name", _vote),
                ("file", DiskJobNames.TargetOptions(Disk, socketPath, export))),
            QmpCommands.Object(("driver", "null-co"), ("size", _bytes)))));
}
