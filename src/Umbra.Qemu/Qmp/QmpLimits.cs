namespace Umbra.Qemu.Qmp;

/// <summary>Limits of a monitor connection.</summary>
public static class QmpLimits
{
    /// <summary>
    /// Longest line taken, bytes. The longest answers seen (<c>query-named-block-nodes</c> of a VM with many nodes)
    /// stay below 100 kB; QEMU itself limits tokens to 64 MiB.
    /// </summary>
    public const int LineBytesMax = 4 * 1024 * 1024;

    /// <summary>Commands sent and not yet answered, at most; one more is refused as our own bug.</summary>
    public const int PendingMax = 1024;

    /// <summary>Deadline for quick commands when the caller names none.</summary>
    public static readonly TimeSpan CommandDeadline = TimeSpan.FromSeconds(5);
}
