using System.Text.Json;
using Umbra.Core.Drift;

namespace Umbra.Core.Tests.Drift;

/// <summary>A pair of recorded series into which nothing was put.</summary>
/// <param name="Name">What it was made of.</param>
/// <param name="Series">The series; unknown where something is labelled an anomaly.</param>
/// <param name="Calibration">Samples of a calibration.</param>
/// <param name="IsHardware">For each KPI: whether drift of it moves a VM.</param>
internal sealed record RecordedPair(
    string Name, PairSeries Series, int Calibration, IReadOnlyList<bool> IsHardware);

/// <summary>
/// Pairs without drift made of whole recordings: SMD's twins and mirrored pairs (33 days), ASD's aligned servers (45
/// days), Azure's VMs (385 days), each in both directions. What the authors label an anomaly on either machine is taken
/// out as unknown, with six hours before and after. Azure has no labels and does have changes of regime; nothing is
/// taken out there, so that a change for the worse counts as false. Higher is worse in all KPIs that can move a VM: the
/// benchmarks' rates are turned into times, as the product's canaries measure. ASD's metrics have no names; all count.
/// </summary>
internal sealed class RecordedPairs
{
    /// <summary>The families.</summary>
    public static readonly string[] Families = ["smd-twin", "smd-mirrored", "asd-twin", "azure-probe"];

    // ASD's servers with the same load; rows as of SmdTwins.
    private static readonly (int First, int Second, int Shift)[] s_asdTwins =
        [(3, 4, 0), (3, 5, 0), (3, 6, 1), (4, 5, 0), (4, 6, 1), (5, 6, 1)];

    // Delay and loss. The others are load: the product shows them and moves no VM by them.
    // Of 1-6 and 1-7 only the network is the same: each has batches of its own on its disk.
    private static readonly string[] s_smdHardware = ["disk_svc", "retransegs", "tcp_timeouts"];
    private static readonly string[] s_smdNetwork = ["retransegs", "tcp_timeouts"];

    private const int SmdCalibration = 1440;
    private const int AsdCalibration = 1152;
    private const int AzureCalibration = 160;

    // Six hours around a label: the authors mark the minutes of an incident, and it begins before and echoes after.
    private const int SmdAround = 360;
    private const int AsdAround = 72;

    private readonly RecordedSources _sources = new();

    /// <summary>All pairs of a family.</summary>
    public List<RecordedPair> Of(string family) => family switch
    {
        "smd-twin" => [.. BothWays(RecordedSources.SmdTwins).Select(t => SmdTwin(t.First, t.Second, t.Shift))],
        "smd-mirrored" =>
        [
            .. BothWays(RecordedSources.SmdTwins).Select(t => SmdMirrored(t.First, t.Second, t.Shift)),
            SmdMirrored("1-2", "1-3", 0),
        ],
        "asd-twin" => [.. BothWays(s_asdTwins).Select(t => AsdTwin(t.First, t.Second, t.Shift))],
        _ => [.. BothWays([(0, 1, 0), (0, 2, 0), (1, 2, 0)]).Select(t => AzureProbe(t.First, t.Second))],
    };

    private static IEnumerable<(T First, T Second, int Shift)> BothWays<T>((T First, T Second, int Shift)[] pairs) =>
        pairs.SelectMany(static p =>
            new[] { (p.First, p.Second, p.Shift), (p.Second, p.First, -p.Shift) });

    private RecordedPair SmdTwin(string first, string second, int shift)
    {
        var (primary, shadow) = (_sources.Smd(first), _sources.Smd(second));
        bool[] odd = [.. Odd($"smd/machine-{first}", primary, SmdAround).Zip(
            Shifted(Odd($"smd/machine-{second}", shadow, SmdAround), shift), static (a, b) => a || b)];
        return Build($"{first}/{second}", RecordedSources.SmdKpis, TimeSpan.FromMinutes(1), SmdCalibration, odd,
            [.. RecordedSources.SmdKpis.Select((first is "1-6" or "1-7" ? s_smdNetwork : s_smdHardware).Contains)],
            (kpi, i) => (primary[kpi][i], At(shadow[kpi], i + shift)));
    }

    private RecordedPair SmdMirrored(string first, string second, int shift)
    {
        var (primary, noisy) = (_sources.Smd(first), _sources.Smd(second));
        bool[] odd = [.. Odd($"smd/machine-{first}", primary, SmdAround).Zip(
            Shifted(Odd($"smd/machine-{second}", noisy, SmdAround), shift), static (a, b) => a || b)];
        return Build($"{first}~{second}", RecordedSources.SmdKpis, TimeSpan.FromMinutes(1), SmdCalibration, odd,
            [.. RecordedSources.SmdKpis.Select(s_smdHardware.Contains)],
            (kpi, i) => (primary[kpi][i], Math.Max(0, Slow(primary[kpi], i) + Fast(noisy[kpi], i + shift))));
    }

    private RecordedPair AsdTwin(int first, int second, int shift)
    {
        var (primary, shadow) = (_sources.Asd(first), _sources.Asd(second));
        bool[] odd = [.. Odd($"asd/omi-{first}", primary, AsdAround).Zip(
            Shifted(Odd($"asd/omi-{second}", shadow, AsdAround), shift), static (a, b) => a || b)];
        return Build($"{first}/{second}", RecordedSources.AsdKpis, TimeSpan.FromMinutes(5), AsdCalibration, odd,
            [.. RecordedSources.AsdKpis.Select(static _ => true)],
            (kpi, i) => (primary[kpi][i], At(shadow[kpi], i + shift)));
    }

    private RecordedPair AzureProbe(int first, int second)
    {
        var bins = _sources.Azure();
        string[] kpis = RecordedSources.AzureKpis;
        return Build($"{first}/{second}", kpis, RecordedSources.AzureBin, AzureCalibration,
            new bool[RecordedSources.AzureBins], [.. kpis.Select(static _ => true)], (kpi, i) =>
            {
                int at = (i * kpis.Length) + Array.IndexOf(kpis, kpi);
                var (own, other) = (bins[$"{first}"][at], bins[$"{second}"][at]);
                return kpi.EndsWith("_s", StringComparison.Ordinal) ? (1e9 / own, 1e9 / other) : (own, other);
            });
    }

    private static RecordedPair Build(
        string name, string[] kpis, TimeSpan sampling, int calibration, bool[] odd, bool[] hardware,
        Func<string, int, (double Primary, double Shadow)> read)
    {
        double[] primary = new double[odd.Length * kpis.Length];
        double[] shadow = new double[primary.Length];
        for (int i = 0; i < primary.Length; i++)
        {
            int row = i / kpis.Length;
            (primary[i], shadow[i]) = odd[row] ? (double.NaN, double.NaN) : read(kpis[i % kpis.Length], row);
        }

        var series = new PairSeries(kpis, DateTimeOffset.UnixEpoch, sampling, primary, shadow);
        return new RecordedPair(name, series, calibration, hardware);
    }

    // Rows that are labelled, with so many around.
    private static bool[] Odd(string path, Dictionary<string, double[]> table, int around)
    {
        using var labels = JsonDocument.Parse(File.ReadAllText(SharedData.Path() + $"/{path}.labels.json"));
        bool[] odd = new bool[table.First().Value.Length];
        int tested = odd.Length - labels.RootElement.GetProperty("test_rows").GetInt32();
        foreach (var segment in labels.RootElement.GetProperty("segments_0based_inclusive").EnumerateArray())
        {
            int from = Math.Max(0, tested + segment[0].GetInt32() - around);
            int to = Math.Min(odd.Length - 1, tested + segment[1].GetInt32() + around);
            for (int i = from; i <= to; i++) odd[i] = true;
        }

        return odd;
    }

    private static IEnumerable<bool> Shifted(bool[] rows, int shift) =>
        Enumerable.Range(shift, rows.Length).Select(i => i >= 0 && i < rows.Length && rows[i]);

    private static double At(double[] series, int row) =>
        row >= 0 && row < series.Length ? series[row] : double.NaN;

    private static double Slow(double[] series, int row) =>
        row < 4 || row + 4 >= series.Length ? double.NaN : RecordedSources.Slow(series, row);

    private static double Fast(double[] series, int row) => At(series, row) - Slow(series, row);
}
