using System.Text.Json.Nodes;
using Umbra.Core.Basics;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>
/// The mirror of one disk into an NBD server: a <c>blockdev-mirror</c> job, <c>sync=full</c>,
/// <c>copy-mode=write-blocking</c>. Once it is ready each of the guest's writes is on the server before the guest hears
/// that it is done. An error of the target pauses the job and never harms the guest (<c>on-target-error=stop</c>).
/// </summary>
public sealed class DiskMirror : DiskJob
{
    /// <inheritdoc cref="DiskJob(QmpSession, int, string)"/>
    public DiskMirror(QmpSession monitor, int disk, string sourceNode)
        : base(monitor, disk, sourceNode)
    {
    }

    /// <inheritdoc/>
    public override QmpOutcome<QmpNothing> Start(string socketPath, string export, CopySpeed speed)
    {
        QmpOutcome<QmpNothing> outcome = Execute(QmpCommands.BlockdevAdd(
            DiskJobNames.TargetOptions(Disk, socketPath, export)));
        if (!outcome.IsOk) return Fail(outcome);
        // The job may be ready before its command is answered.
        Become(DiskJobState.Copying);
        outcome = Execute(QmpCommands.BlockdevMirror(JobOptions(speed)));
        if (outcome.IsOk) return outcome;
        Execute(QmpCommands.BlockdevDel(DiskJobNames.Target(Disk)));
        return Fail(outcome);
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

    /// <inheritdoc/>
    protected override void OnEvent(QmpEvent e)
    {
        if (e.Text("device") != DiskJobNames.Job(Disk)) return;
        switch (e.Name)
        {
            case QmpEvent.BlockJobReady:
                Become(DiskJobState.Ready);
                break;
            case QmpEvent.BlockJobError:
                Fail($"{e.Text("operation")} error while mirroring");
                break;
            case QmpEvent.BlockJobCompleted or QmpEvent.BlockJobCancelled:
                Fail($"the mirror ended: {(e.Text("error") is { Length: > 0 } why ? why : e.Name)}");
                break;
        }
    }

    private JsonObject JobOptions(CopySpeed speed) => QmpCommands.Object(
        ("job-id", DiskJobNames.Job(Disk)),
        ("device", Source),
        ("target", DiskJobNames.Target(Disk)),
        ("filter-node-name", DiskJobNames.Filter(Disk)),
        ("sync", "full"),
        ("copy-mode", "write-blocking"),
        ("granularity", Sizes.Block),
        ("speed", speed.BytesPerSecondMax),
        ("buf-size", speed.BytesInFlightMax),
        // Stop, never report: that would end the job by itself, under the guest's writes.
        ("on-source-error", "stop"),
        ("on-target-error", "stop"));
}
