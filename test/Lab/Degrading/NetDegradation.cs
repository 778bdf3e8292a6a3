using System.Globalization;

namespace Umbra.Lab.Degrading;

/// <summary>
/// A host whose link to the management network loses packets on their way out. They are really lost, by a filter where
/// they arrive: a kernel without netem cannot lose them on the wire.
/// </summary>
/// <param name="lab">The lab.</param>
/// <param name="host">The host.</param>
public sealed class NetDegradation(FleetLab lab, LabHost host) : Degradation
{
    private static readonly double[] s_loss = [0.005, 0.01, 0.02, 0.03, 0.05, 0.08];

    private double? _lost;

    /// <inheritdoc/>
    public override string What =>
        "packets that the host sends are lost at random (dropped on arrival; stands for a bad transceiver)";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Steps { get; } =
        [.. s_loss.Select(static part => string.Create(CultureInfo.InvariantCulture, $"{part * 100:0.0} % lost"))];

    /// <inheritdoc/>
    public override Task GoToAsync(int step)
    {
        double? before = _lost;
        foreach (NetworkNamespace space in Others()) Filter(space, "-A", s_loss[step]);
        _lost = s_loss[step];
        if (before is { } old) Remove(old);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task UndoAsync()
    {
        if (_lost is { } lost) Remove(lost);
        _lost = null;
        return Task.CompletedTask;
    }

    private IEnumerable<NetworkNamespace> Others() =>
        [lab.Center, .. lab.Hosts.Where(other => other != host).Select(static other => other.Space)];

    private void Remove(double part)
    {
        foreach (NetworkNamespace space in Others()) Filter(space, "-D", part);
    }

    private void Filter(NetworkNamespace space, string change, double part)
    {
        string probability = part.ToString(CultureInfo.InvariantCulture);
        CommandResult result = space.TryRun(
            "iptables", change, "INPUT", "-s", host.Address, "-m", "statistic", "--mode", "random", "--probability",
            probability, "-j", "DROP");
        if (result.ExitCode != 0) throw new CommandException($"iptables in {space.Name}: {result.Error}");
    }
}
