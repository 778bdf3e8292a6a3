namespace Umbra.Lab.Degrading;

/// <summary>No degradation, but the control: both hosts of a pair get the same further work at the same time.</summary>
/// <param name="lab">The lab.</param>
/// <param name="hosts">The hosts.</param>
public sealed class BusyLoad(FleetLab lab, IReadOnlyList<LabHost> hosts) : Degradation
{
    private const double Cores = 0.3;

    private readonly List<LabProcess> _burners = [];

    /// <inheritdoc/>
    public override string What => "the same CPU load on both hosts (a busy loop each); nothing is degraded";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Steps { get; } = [$"a loop of {Cores} cores on each"];

    /// <inheritdoc/>
    public override Task GoToAsync(int step)
    {
        foreach (LabHost host in hosts)
            _burners.Add(lab.StartBeside(host, "burner", Cores, "sh", "-c", "while :; do :; done"));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task UndoAsync()
    {
        foreach (LabProcess burner in _burners)
        {
            burner.Kill();
            burner.Dispose();
        }

        _burners.Clear();
        return Task.CompletedTask;
    }
}
