using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>
/// Frees a VM from an NBD server that hangs. Such a server hangs the guest's writes, and then <c>stop</c>, and with it
/// QEMU's whole first monitor; cutting the connections over the second one sets all of them going again. The jobs
/// fail by it and have to be started anew; the guest's disks are unharmed.
/// </summary>
public static class DiskJobBrake
{
    /// <summary>Cuts these disks' connections. Safe from any thread, also while the first monitor hangs.</summary>
    public static void Pull(QemuBrake brake, int diskCount)
    {
        // A disk without a job answers with an error, which is right.
        for (int disk = 0; disk < diskCount; disk++)
            brake.Yank(DiskJobNames.Target(disk), DiskJobLimits.BrakeDeadline);
    }

    /// <summary>
    /// Stops the vCPUs and drains the disks. Where that hangs, the brake is pulled and <paramref name="onBrake"/>
    /// called before: the whole never takes longer than <see cref="DiskJobLimits.StallMax"/> and the brake's own time.
    /// </summary>
    public static QmpOutcome<QmpNothing> Stop(QmpSession monitor, QemuBrake brake, int diskCount, Action onBrake)
    {
        QmpOutcome<QmpNothing> outcome = monitor.Execute(QmpCommands.Stop, DiskJobLimits.StallMax);
        if (outcome.Status != QmpStatus.TimedOut || diskCount == 0) return outcome;
        onBrake();
        Pull(brake, diskCount);
        return monitor.Execute(QmpCommands.Stop, DiskJobLimits.BrakeDeadline);
    }
}
