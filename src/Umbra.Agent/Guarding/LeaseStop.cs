using System.ComponentModel;
using System.Diagnostics;

namespace Umbra.Agent.Guarding;

/// <summary>
/// Stops VMs whose leases are over. All of a host are over at once, and all have to stand still within
/// <see cref="Umbra.Core.Swap.LeaseRules.ReactionMax"/>: so all are told to stop first, and then waited for together.
/// </summary>
internal static class LeaseStop
{
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(2);

    /// <summary>
    /// When this returns none of them runs: one without an answer within <see cref="GuardMonitor.AnswerMax"/>, which is
    /// for all together, is killed.
    /// </summary>
    public static void Stop(IEnumerable<(GuardedVm Vm, GuardMonitor Monitor)> vms)
    {
        List<(GuardedVm Vm, GuardMonitor Monitor)> left = [.. vms];
        long start = Stopwatch.GetTimestamp();
        foreach ((GuardedVm vm, GuardMonitor monitor) in left)
        {
            monitor.Yank(vm.Disks);
            monitor.BeginPause();
        }

        left.RemoveAll(static vm => vm.Monitor.HasPaused());
        while (left.Count > 0 && Stopwatch.GetElapsedTime(start) < GuardMonitor.AnswerMax)
        {
            Thread.Sleep(LookPause);
            left.RemoveAll(static vm => vm.Monitor.HasPaused());
        }

        foreach ((GuardedVm vm, _) in left) Kill(vm.Process);
    }

    /// <summary>What is left when the monitor does not answer: a VM whose process is gone runs nowhere.</summary>
    private static void Kill(int process)
    {
        try
        {
            using Process found = Process.GetProcessById(process);
            found.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception)
        {
            // Gone already.
        }
    }
}
