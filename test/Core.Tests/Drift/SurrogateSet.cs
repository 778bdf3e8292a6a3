using Umbra.Core.Drift;

namespace Umbra.Core.Tests.Drift;

/// <summary>
/// Pairs of the same kinds as the paired-drift set, made from the same sources at other places by another program, so
/// that parameters which fit only those 40 cases show: twins, mirrored pairs and probes, with drifts of four kinds put
/// into the primary at a random time, load changes put into both, or nothing.
/// </summary>
internal sealed class SurrogateSet(int seed)
{
    private static readonly (int First, int Second, int Shift)[] s_asdTwins = [(3, 4, 0), (4, 5, 0), (5, 6, 1)];
    private static readonly string[] s_kinds = ["ramp", "step", "variance", "spikes"];

    // Half a year: later bins have gaps of weeks.
    private const int AzureBins = 2200;
    private const double RestlessnessMax = 1.5;

    private readonly Random _random = new(seed);
    private readonly RecordedSources _sources = new();

    /// <summary>So many cases: three of five with drift, one with a common load change, one with nothing.</summary>
    public List<Case> Make(int count) => [.. Enumerable.Range(0, count).Select(MakeOne)];

    /// <summary>So many pairs into which nothing is put.</summary>
    public List<Case> MakeQuiet(int count, string family) =>
        [.. Enumerable.Range(0, count).Select(i => Take(family) with { Name = $"q{i:000}" })];

    private Case MakeOne(int number)
    {
        string[] families = ["smd-twin", "smd-mirrored", "asd-twin", "azure-probe", "smd-mirrored"];
        var item = Take(families[_random.Next(families.Length)]) with { Name = $"s{number:000}" };
        return (number % 5) switch
        {
            0 => item,
            1 => WithLoad(item),
            _ => WithDrift(item, s_kinds[_random.Next(s_kinds.Length)]),
        };
    }

    // Pairs that differ on their second day far more than on their first are no pairs: their drift is real.
    private Case Take(string family)
    {
        while (true)
        {
            var item = TakeAny(family);
            if (Restlessness(item) <= RestlessnessMax) return item;
        }
    }

    private static double Restlessness(Case item)
    {
        int width = item.Series.Kpis.Count;
        double most = 0;
        for (int k = 0; k < width; k++)
        {
            double[] own = Column(item.Series.Primary, width, k, item.Series.Samples);
            double[] other = Column(item.Series.Shadow, width, k, item.Series.Samples);
            double[] away = [.. own.Zip(other, static (a, b) => a - b)];
            double sigma = Math.Max(1e-9, RobustStatistics.Spread(away.AsSpan(0, item.CalibrationEnd), 0.3));
            double before = RobustStatistics.Median(away.AsSpan(0, item.CalibrationEnd));
            most = Math.Max(most, Math.Abs(RobustStatistics.Median(away.AsSpan(item.CalibrationEnd)) - before) / sigma);
        }

        return most;
    }

    private Case TakeAny(string family) => family switch
    {
        "smd-twin" => SmdTwin(),
        "smd-mirrored" => SmdMirrored(),
        "asd-twin" => AsdTwin(),
        _ => AzureProbe(),
    };

    private Case SmdTwin()
    {
        var (first, second, shift) = RecordedSources.SmdTwins[_random.Next(RecordedSources.SmdTwins.Length)];
        var (primary, shadow) = (_sources.Smd(first), _sources.Smd(second));
        int from = _random.Next(primary["cpu_r"].Length - 3700);
        bool swapped = _random.Next(2) == 0;
        return Build("smd-twin", RecordedSources.SmdKpis, TimeSpan.FromMinutes(1), 3600, 1440, (kpi, i) =>
        {
            double a = primary[kpi][from + i];
            double b = shadow[kpi][Math.Min(from + i + shift, shadow[kpi].Length - 1)];
            return swapped ? (b, a) : (a, b);
        });
    }

    private Case SmdMirrored()
    {
        var (first, second, shift) = RecordedSources.SmdTwins[_random.Next(RecordedSources.SmdTwins.Length)];
        var (primary, noisy) = (_sources.Smd(first), _sources.Smd(second));
        int from = 10 + _random.Next(primary["cpu_r"].Length - 3800);
        return Build("smd-mirrored", RecordedSources.SmdKpis, TimeSpan.FromMinutes(1), 3600, 1440, (kpi, i) =>
        {
            int row = from + i;
            int other = Math.Min(row + shift, noisy[kpi].Length - 10);
            double fast = noisy[kpi][other] - RecordedSources.Slow(noisy[kpi], other);
            return (primary[kpi][row], Math.Max(0, RecordedSources.Slow(primary[kpi], row) + fast));
        });
    }

    private Case AsdTwin()
    {
        var (first, second, shift) = s_asdTwins[_random.Next(s_asdTwins.Length)];
        var (primary, shadow) = (_sources.Asd(first), _sources.Asd(second));
        int from = _random.Next(primary["m07"].Length - 2900);
        return Build("asd-twin", RecordedSources.AsdKpis, TimeSpan.FromMinutes(5), 2880, 1152, (kpi, i) =>
            (primary[kpi][from + i], shadow[kpi][Math.Min(from + i + shift, shadow[kpi].Length - 1)]));
    }

    private Case AzureProbe()
    {
        int first = _random.Next(3);
        int second = (first + 1 + _random.Next(2)) % 3;
        var bins = _sources.Azure();
        int from = _random.Next(AzureBins / 3);
        return Build("azure-probe", RecordedSources.AzureKpis, TimeSpan.FromHours(2), 400, 160, (kpi, i) =>
        {
            int at = ((from + i) * RecordedSources.AzureKpis.Length) + Array.IndexOf(RecordedSources.AzureKpis, kpi);
            return (bins[$"{first}"][at], bins[$"{second}"][at]);
        });
    }

    private static Case Build(
        string family, string[] kpis, TimeSpan sampling, int samples, int calibration,
        Func<string, int, (double Primary, double Shadow)> read)
    {
        double[] primary = new double[samples * kpis.Length];
        double[] shadow = new double[samples * kpis.Length];
        for (int i = 0; i < primary.Length; i++)
            (primary[i], shadow[i]) = read(kpis[i % kpis.Length], i / kpis.Length);
        var series = new PairSeries(kpis, DateTimeOffset.UnixEpoch, sampling, primary, shadow);
        return new Case(family, family, series, calibration);
    }

    private Case WithLoad(Case item)
    {
        int length = item.Series.Samples - item.CalibrationEnd;
        int from = item.CalibrationEnd + _random.Next(length / 2);
        int to = from + (length / 4);
        double amplitude = 0.5 + _random.NextDouble();
        double gain = 0.97 + (0.06 * _random.NextDouble());
        int width = item.Series.Kpis.Count;
        for (int k = 0; k < width; k++)
        {
            double[] own = RobustStatistics.SortedKnown(Column(item.Series.Primary, width, k, item.CalibrationEnd));
            double range = RobustStatistics.Quantile(own, 0.95) - RobustStatistics.Quantile(own, 0.05);
            for (int i = from; i < to; i++)
            {
                item.Series.Primary[(i * width) + k] += amplitude * range;
                item.Series.Shadow[(i * width) + k] += amplitude * range * gain;
            }
        }

        return item with { Kind = "load" };
    }

    private Case WithDrift(Case item, string kind)
    {
        int width = item.Series.Kpis.Count;
        int length = item.Series.Samples - item.CalibrationEnd;
        int onset = item.CalibrationEnd + (length / 6) + _random.Next(length / 3);
        int k = ChooseKpi(item);
        double[] own = Column(item.Series.Primary, width, k, item.CalibrationEnd);
        double[] other = Column(item.Series.Shadow, width, k, item.CalibrationEnd);
        double sigma = RobustStatistics.Spread([.. own.Zip(other, static (a, b) => a - b)], 0.3);
        double severity = kind switch
        {
            "spikes" => new[] { 4.0, 8, 16 }[_random.Next(3)],
            "variance" => new[] { 2.0, 3, 5 }[_random.Next(3)],
            _ => new[] { 1.5, 3, 6 }[_random.Next(3)],
        };
        double grow = kind == "step" ? 1 : length * 0.4 / (kind == "variance" ? 3 : 1);
        for (int i = onset; i < item.Series.Samples; i++)
        {
            ref double value = ref item.Series.Primary[(i * width) + k];
            double part = Math.Min(1, (i - onset + 1) / grow);
            double away = value - item.Series.Shadow[(i * width) + k];
            value = kind switch
            {
                "variance" => Math.Max(0, value + ((severity - 1) * part * away)),
                "spikes" => _random.Next(20) == 0 ? value + (severity * sigma) : value,
                _ => value + (severity * sigma * part),
            };
        }

        return item with { Kind = kind, Kpi = item.Series.Kpis[k], Onset = onset };
    }

    // One that varies: a constant cannot be judged, and a spread of nothing times anything is nothing.
    private int ChooseKpi(Case item)
    {
        int width = item.Series.Kpis.Count;
        while (true)
        {
            int k = _random.Next(width);
            if (Column(item.Series.Primary, width, k, item.CalibrationEnd).Distinct().Count() > 10) return k;
        }
    }

    private static double[] Column(double[] values, int width, int k, int rows) =>
        [.. Enumerable.Range(0, rows).Select(i => values[(i * width) + k])];
}
