namespace Umbra.Bench.Micro;

/// <summary>One thing measured: run once a round, beside a plain copy of as many bytes.</summary>
/// <param name="Name">Name in the report.</param>
/// <param name="Bytes">Bytes that one run takes in.</param>
/// <param name="Run">One run; returns bytes put out, or 0 where that means nothing.</param>
/// <param name="Note">What it is of.</param>
internal sealed record MicroCase(string Name, long Bytes, Func<long> Run, string Note = "")
{
    private readonly List<double> _seconds = [];
    private readonly List<double> _ratios = [];
    private long _out;

    /// <summary>What comes before each run and is no part of it.</summary>
    public Action Prepare { get; init; } = static () => { };

    /// <summary>
    /// CPU time of this process so far: its one busy thread's. Unlike the time on the wall it does not grow while
    /// others have the core.
    /// </summary>
    public static TimeSpan CpuTime => Environment.CpuUsage.TotalTime;

    /// <summary>One run, compared with a copy at <paramref name="copyBytesPerSecond"/>.</summary>
    public void Round(double copyBytesPerSecond, bool counts)
    {
        Prepare();
        TimeSpan start = CpuTime;
        _out = Run();
        double seconds = Math.Max(1e-6, (CpuTime - start).TotalSeconds);
        if (!counts) return;
        _seconds.Add(seconds);
        _ratios.Add(seconds / (Bytes / copyBytesPerSecond));
    }

    /// <summary>Its figures: bytes in per second of CPU time, and that time against a copy's.</summary>
    public Dictionary<string, double?> Figures() => new()
    {
        ["speedGBs"] = Statistics.Round(Bytes / Statistics.Median(_seconds) / 1e9),
        ["bestGBs"] = Statistics.Round(Bytes / _seconds.Min() / 1e9),
        ["copyTimesRatio"] = Statistics.Round(Statistics.Median(_ratios)),
        ["outPercent"] = _out == 0 ? null : Statistics.Round(100.0 * _out / Bytes),
    };
}
