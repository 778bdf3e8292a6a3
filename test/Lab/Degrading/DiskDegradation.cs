namespace Umbra.Lab.Degrading;

/// <summary>A host whose disk gets slower: writes of its processes are held back by the block layer.</summary>
/// <param name="host">The host; it has a group, and its state is on a disk.</param>
public sealed class DiskDegradation(LabHost host) : Degradation
{
    private static readonly int[] s_kibibytes = [800, 400, 200, 120, 80, 50];

    /// <inheritdoc/>
    public override string What =>
        "a write limit of the host's control group that shrinks (the block layer throttles it; "
        + "stands for a slow drive)";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Steps { get; } = [.. s_kibibytes.Select(static size => $"{size} KiB/s")];

    /// <inheritdoc/>
    public override Task GoToAsync(int step)
    {
        host.Group!.LimitWrites(host.StateDirectory, s_kibibytes[step] * 1024L);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task UndoAsync()
    {
        host.Group!.LimitWrites(host.StateDirectory, null);
        return Task.CompletedTask;
    }
}
