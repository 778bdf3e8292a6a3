using System.Text;
using Umbra.Core.Drift;
using Umbra.Fuzz.Harness;

namespace Umbra.Fuzz.Targets;

/// <summary>Series from foreign CSV: a series or a reason, and a series that can be replayed.</summary>
public sealed class PairCsvTarget : IFuzzTarget
{
    private const int ReplayedCellsMax = 5000;

    public string Name => "pair-csv";

    public IReadOnlyList<byte[]> Seeds { get; } =
    [
        "time,kpi,primary,shadow\n2024-01-01T00:00:00Z,a,1,2\n2024-01-01T00:01:00Z,b,3,\n"u8.ToArray(),
        "time,a,b\n2024-01-01T00:00:00Z,1,2\n2024-01-01T00:00:01Z,,NaN\n"u8.ToArray(),
        Encoding.UTF8.GetBytes(Long()),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        string text = Encoding.UTF8.GetString(input);
        var pair = PairCsv.TryRead(new StringReader(text), TimeSpan.FromMinutes(1), out string pairError);
        var sides = PairCsv.TryReadSides(new StringReader(text), new StringReader(text), null, out string sidesError);
        Check(pair, pairError);
        Check(sides, sidesError);
    }

    private static void Check(PairSeries? series, string error)
    {
        if (series is null == (error == "")) throw new InvalidOperationException($"a series and '{error}'");
        if (series is null || series.Primary.Length > ReplayedCellsMax) return;
        DriftReplay.TryRun(series, BaselineLearner.SamplesMin, out _);
    }

    private static string Long()
    {
        var text = new StringBuilder("time,kpi,primary,shadow\n");
        for (int i = 0; i < 90; i++) text.Append($"2024-01-01T0{i / 60}:{i % 60:00}:00Z,a,{i * 7 % 13},{i * 5 % 11}\n");
        return text.ToString();
    }
}
