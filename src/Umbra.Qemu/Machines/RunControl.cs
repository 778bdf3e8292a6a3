using System.Diagnostics;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>Stops and resumes a VM's vCPUs, synchronously, for the thread that replicates it.</summary>
public static class RunControl
{
    /// <summary>Stops the vCPUs and drains block requests. Harmless when they are stopped.</summary>
    public static QmpOutcome<QmpNothing> Pause(QmpSession monitor, TimeSpan deadline) =>
        monitor.Execute(QmpCommands.Stop, deadline);

    /// <summary>
    /// Lets the vCPUs run. Harmless when they do. Right after a migration QEMU may answer that it is not finalized yet:
    /// asked again until the deadline.
    /// </summary>
    public static QmpOutcome<QmpNothing> Resume(QmpSession monitor, TimeSpan deadline)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            TimeSpan left = deadline - Stopwatch.GetElapsedTime(start);
            QmpOutcome<QmpNothing> outcome = monitor.Execute(QmpCommands.Cont, left);
            if (outcome.Status != QmpStatus.QemuError || left <= TimeSpan.Zero
                || !outcome.Description.Contains("not finalized", StringComparison.OrdinalIgnoreCase))
                return outcome;
        }
    }
}
