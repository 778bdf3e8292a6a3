using System.Text.Json;

namespace Umbra.Qemu.Qmp;

/// <summary>Something QEMU tells unasked.</summary>
/// <param name="Name">
/// Name in QEMU's schema: <c>STOP</c>, <c>RESUME</c>, <c>MIGRATION</c>, <c>BLOCK_JOB_READY</c> ...
/// </param>
/// <param name="Data">Its data; <see cref="JsonValueKind.Undefined"/> when there is none.</param>
public sealed record QmpEvent(string Name, JsonElement Data)
{
    /// <summary>The vCPUs stopped.</summary>
    public const string Stop = "STOP";

    /// <summary>The vCPUs run.</summary>
    public const string Resume = "RESUME";

    /// <summary>The guest shut down, or QEMU is ending.</summary>
    public const string Shutdown = "SHUTDOWN";

    /// <summary>The guest was reset.</summary>
    public const string Reset = "RESET";

    /// <summary>A migration changed its state (needs capability <c>events</c>).</summary>
    public const string Migration = "MIGRATION";

    /// <summary>A hot-unplugged device has gone.</summary>
    public const string DeviceDeleted = "DEVICE_DELETED";

    /// <summary>A block job is in step with its source.</summary>
    public const string BlockJobReady = "BLOCK_JOB_READY";

    /// <summary>A block job met an I/O error.</summary>
    public const string BlockJobError = "BLOCK_JOB_ERROR";

    /// <summary>A block job ended well.</summary>
    public const string BlockJobCompleted = "BLOCK_JOB_COMPLETED";

    /// <summary>A block job was cancelled.</summary>
    public const string BlockJobCancelled = "BLOCK_JOB_CANCELLED";

    /// <summary>A job changed its state.</summary>
    public const string JobStatusChange = "JOB_STATUS_CHANGE";

    /// <summary>A child of a quorum node did not do what the others did.</summary>
    public const string QuorumReportBad = "QUORUM_REPORT_BAD";

    /// <summary>A block device met an I/O error.</summary>
    public const string BlockIoError = "BLOCK_IO_ERROR";

    /// <summary>A string member of the data, or empty.</summary>
    public string Text(string member) => Data.Text(member);
}
