namespace Umbra.Bench.Link;

/// <summary>One run of a case, from both ends.</summary>
internal sealed record LinkRun(EndResult Source, EndResult Sink)
{
    /// <summary>Bytes a second.</summary>
    public double Speed => Source.Bytes / Source.Wall.TotalSeconds;
}

/// <summary>All runs of a case, each beside the plain copy of its round.</summary>
internal sealed class CaseRuns
{
    private readonly List<(LinkRun Run, LinkRun Copy)> _runs = [];

    /// <summary>The cipher suite; empty without TLS.</summary>
    public string Note => _runs[0].Run.Source.Detail;

    /// <summary>Adds one.</summary>
    public void Add(LinkRun run, LinkRun copy) => _runs.Add((run, copy));

    /// <summary>Medians over the rounds.</summary>
    public Dictionary<string, double?> Figures() => new()
    {
        ["speedGBs"] = Median(one => one.Run.Speed / 1e9),
        ["ofCopyRatio"] = Median(one => one.Run.Speed / one.Copy.Speed),
        ["sourceCpuSecondsPerGB"] = Median(one => PerGB(one.Run.Source)),
        ["sinkCpuSecondsPerGB"] = Median(one => PerGB(one.Run.Sink)),
        ["cpuOfCopyRatio"] = Median(one => CpuOf(one.Run) / CpuOf(one.Copy)),
    };

    private static double PerGB(EndResult end) => end.Cpu.TotalSeconds / (end.Bytes / 1e9);

    private static double CpuOf(LinkRun run) => PerGB(run.Source) + PerGB(run.Sink);

    private double Median(Func<(LinkRun Run, LinkRun Copy), double> figure) =>
        Statistics.Round(Statistics.Median(_runs.Select(figure)));
}
