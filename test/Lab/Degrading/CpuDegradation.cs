using System.Globalization;

namespace Umbra.Lab.Degrading;

/// <summary>A host whose processors get slower: all its processes share a CPU quota that shrinks.</summary>
/// <param name="host">The host; it has a group.</param>
public sealed class CpuDegradation(LabHost host) : Degradation
{
    private static readonly double[] s_cores = [0.5, 0.4, 0.3, 0.25, 0.2, 0.15];

    /// <inheritdoc/>
    public override string What =>
        "a CPU quota of the host's control group that shrinks (the kernel throttles it; stands for a slow processor)";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Steps { get; } =
        [.. s_cores.Select(static cores => string.Create(CultureInfo.InvariantCulture, $"{cores:0.00} cores"))];

    /// <inheritdoc/>
    public override Task GoToAsync(int step)
    {
        host.Group!.LimitCpu(s_cores[step]);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task UndoAsync()
    {
        host.Group!.LimitCpu(null);
        return Task.CompletedTask;
    }
}
