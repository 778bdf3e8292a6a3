using Umbra.Agent.State;
using Umbra.Linux;
using Umbra.Linux.Processes;

namespace Umbra.Agent.Vms;

/// <summary>
/// The process that an earlier agent's record names. Only the kernel's word that there is none counts as its end: a
/// look that failed for another reason says nothing.
/// </summary>
internal static class LeftProcess
{
    /// <summary>Whether that very process is known to run no more.</summary>
    /// <param name="record">The record that names it.</param>
    /// <param name="bootId">The kernel's boot; no process outlives its own.</param>
    public static bool IsGone(VmRecord record, string bootId)
    {
        if (record.ProcessId == 0 || record.BootId != bootId) return true;
        Outcome<ProcessHandle> found = Open(record);
        if (!found.IsOk) return found.Error.IsGone;
        using ProcessHandle handle = found.Value;
        return !handle.IsAlive;
    }

    /// <summary>Kills exactly that process and waits until it is gone; nothing to do when it is not there.</summary>
    /// <param name="record">The record that names it.</param>
    /// <param name="bootId">The kernel's boot.</param>
    /// <exception cref="IOException">It is not known whether it runs.</exception>
    public static async Task KillAsync(VmRecord record, string bootId)
    {
        if (record.ProcessId == 0 || record.BootId != bootId) return;
        Outcome<ProcessHandle> found = Open(record);
        if (!found.IsOk && found.Error.IsGone) return;
        if (!found.IsOk) throw found.Error.ToException();
        using ProcessHandle handle = found.Value;
        handle.Kill(ProcessHandle.SignalKill);
        await handle.WaitForExit(Timeout.InfiniteTimeSpan);
    }

    private static Outcome<ProcessHandle> Open(VmRecord record) =>
        ProcessHandle.Open(new ProcessIdentity(record.ProcessId, record.ProcessStart));
}
