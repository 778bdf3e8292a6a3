using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.State;

/// <summary>
/// What an agent knows of a VM on its host, kept so that the next agent goes on where this one was: also without the
/// controller, whose last word is in it.
/// </summary>
public sealed record VmRecord
{
    /// <summary>Longest record that is read, bytes.</summary>
    private const int BytesMax = 4 * Sizes.MiB;

    /// <summary>The controller's last word, with role and generation as they have become here since.</summary>
    public required Assignment Assignment { get; init; }

    /// <summary>QEMU's process: the running VM's, or the standby's; 0 when there is none.</summary>
    public int ProcessId { get; init; }

    /// <summary>
    /// Start time of that process (<c>/proc/PID/stat</c>, field 22), which tells it from a later one.
    /// </summary>
    public ulong ProcessStart { get; init; }

    /// <summary>Kernel boot under which the process was started.</summary>
    public string BootId { get; init; } = "";

    /// <summary>Whether all disks are Umbra's own images: so once a shadow has become the VM.</summary>
    public bool OwnImages { get; init; }

    /// <summary>Set for a VM that Umbra did not start.</summary>
    public ForeignVm? Foreign { get; init; }

    /// <summary>Whether the guest switched itself off: an end that calls for no takeover.</summary>
    public bool GuestShutDown { get; init; }

    /// <summary>The record of a VM; null when there is none, or with the reason when it cannot be read.</summary>
    public static VmRecord? Read(VmPaths paths, out string error)
    {
        Outcome<byte[]?> file = DurableFile.Read(paths.Record, BytesMax);
        error = file.Error?.Message ?? "";
        return file.Value is { } bytes ? FleetJson.TryDeserialize<VmRecord>(bytes, out error) : null;
    }

    /// <summary>Keeps the record; on disk when this returns without an error.</summary>
    public SystemError? Write(VmPaths paths) => DurableFile.Replace(paths.Record, FleetJson.Serialize(this));
}
