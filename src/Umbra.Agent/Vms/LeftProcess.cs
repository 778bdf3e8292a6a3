using Umbra.Linux;
using Umbra.Linux.Processes;

namespace Umbra.Agent.Vms;

/// <summary>Ends a process that an earlier agent started and this one has no use for.</summary>
internal static class LeftProcess
{
    /// <summary>Kills exactly that process and waits until it is gone; nothing to do when it is not there.</summary>
    public static async Task KillAsync(int process, ulong start)
    {
        Outcome<ProcessHandle> found = ProcessHandle.Open(new ProcessIdentity(process, start));
        if (!found.IsOk) return;
        using ProcessHandle handle = found.Value;
        handle.Kill(ProcessHandle.SignalKill);
        await handle.WaitForExit(Timeout.InfiniteTimeSpan);
    }
}
