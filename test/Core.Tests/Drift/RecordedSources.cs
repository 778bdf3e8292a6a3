namespace Umbra.Core.Tests.Drift;

/// <summary>The measurements of real machines that pairs are made of, read once each.</summary>
internal sealed class RecordedSources
{
    /// <summary>Metrics of SMD that pairs are made of.</summary>
    public static readonly string[] SmdKpis =
        ["cpu_r", "mem_u", "disk_svc", "eth1_fi", "eth1_fo", "retransegs", "tcp_timeouts"];

    /// <summary>Metrics of ASD that pairs are made of; the set does not say what they are.</summary>
    public static readonly string[] AsdKpis = ["m07", "m08", "m09", "m10", "m11", "m14", "m17", "m19"];

    /// <summary>Benchmarks of the Azure VMs that pairs are made of.</summary>
    public static readonly string[] AzureKpis =
    [
        "mem_idle_latency_ns", "mem_max_bandwidth_reads_mib_s", "cpu_cache_bogo_ops_s", "cpu_sysbench_events_s",
        "os_create_process_us", "syscall_ops_s",
    ];

    /// <summary>SMD's servers with the same load: rows of the second belong to rows of the first, later by the
    /// shift.</summary>
    public static readonly (string First, string Second, int Shift)[] SmdTwins =
        [("1-3", "1-4", 7), ("2-2", "1-5", 12), ("1-6", "1-7", 16)];

    /// <summary>Bins of the Azure benchmarks, to June 2024.</summary>
    public const int AzureBins = 4620;

    /// <summary>Length of a bin: two rounds of the benchmarks at most.</summary>
    public static readonly TimeSpan AzureBin = TimeSpan.FromHours(2);

    private static readonly DateTimeOffset AzureStart = new(2023, 6, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, Dictionary<string, double[]>> _tables = [];

    /// <summary>A machine of SMD: metrics by name, a row a minute, the training part and then the test part.</summary>
    public Dictionary<string, double[]> Smd(string machine) => Read(
        $"smd/machine-{machine}", static path => SharedData.Table(path + ".train.csv.gz", path + ".test.csv.gz"));

    /// <summary>A server of ASD: its metrics by name, a row in 5 minutes, likewise.</summary>
    public Dictionary<string, double[]> Asd(int server) => Read(
        $"asd/omi-{server}", static path => SharedData.Table(path + ".train.csv.gz", path + ".test.csv.gz"));

    /// <summary>For each VM: bins x <see cref="AzureKpis"/>, row by row, NaN where nothing was measured.</summary>
    public Dictionary<string, double[]> Azure() => Read("azure-vm-noise/bins", static _ => ReadAzure());

    /// <summary>Mean of nine samples around one: the slow part of a series.</summary>
    public static double Slow(double[] series, int at)
    {
        double sum = 0;
        for (int i = at - 4; i <= at + 4; i++) sum += series[i];
        return sum / 9;
    }

    private Dictionary<string, double[]> Read(string path, Func<string, Dictionary<string, double[]>> read)
    {
        if (_tables.TryGetValue(path, out var table)) return table;
        SharedData.Path(path[..path.IndexOf('/', StringComparison.Ordinal)]);
        return _tables[path] = read(SharedData.Path() + "/" + path);
    }

    private static Dictionary<string, double[]> ReadAzure()
    {
        var bins = Enumerable.Range(0, 3).ToDictionary(
            static vm => $"{vm}", static _ => Enumerable.Repeat(double.NaN, AzureBins * AzureKpis.Length).ToArray());
        for (int k = 0; k < AzureKpis.Length; k++)
        {
            string file = SharedData.Path("azure-vm-noise", $"eastus.{AzureKpis[k]}.csv.gz");
            foreach (string line in SharedData.Lines(file).Skip(1))
            {
                string[] fields = line.Split(',');
                var time = DateTimeOffset.Parse(fields[0], System.Globalization.CultureInfo.InvariantCulture);
                int bin = (int)((time - AzureStart).TotalSeconds / AzureBin.TotalSeconds);
                if (bin is < 0 or >= AzureBins || time < AzureStart) continue;
                bins[fields[1]][(bin * AzureKpis.Length) + k] =
                    double.Parse(fields[2], System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return bins;
    }
}
