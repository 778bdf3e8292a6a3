using Umbra.Linux.Interop;

namespace Umbra.Linux.Memory;

/// <summary>
/// Keeps this process in memory. What has to act on a host that is short of memory must not wait for its own pages to
/// come back from a swap device.
/// </summary>
public static class ResidentProcess
{
    private const int Current = 1, Future = 2, OnFault = 4;

    /// <summary>
    /// Pages stay once they were touched, those of later mappings too (man 2 mlockall); what is reserved and untouched
    /// takes no memory. Not for a process that maps guests' memory, which would stay too. Needs CAP_IPC_LOCK: ENOMEM
    /// or EPERM without it, and nothing is locked.
    /// </summary>
    public static SystemError? Keep() =>
        Sys.Call(Sys.Mlockall, Current | Future | OnFault) < 0 ? SystemError.Last("mlockall", "this process") : null;
}
