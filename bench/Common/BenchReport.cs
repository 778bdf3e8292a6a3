using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Umbra.Bench;

/// <summary>
/// One measured case: what it is, and its figures by name. A figure's name ends in its unit (<c>Ms</c>, <c>Bytes</c>,
/// <c>Ratio</c>, <c>Percent</c>, <c>GBs</c> for 10^9 bytes a second); null: it could not be measured, and
/// <see cref="Note"/> says why.
/// </summary>
public sealed record BenchCase(string Name, IReadOnlyDictionary<string, double?> Figures, string Note = "");

/// <summary>What a benchmark measured: the JSON of <c>--report</c>.</summary>
public sealed record BenchReport
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The benchmark.</summary>
    public required string Benchmark { get; init; }

    /// <summary>How it was called.</summary>
    public required string Command { get; init; }

    /// <summary>Whether it was the short mode, whose figures are only a sign that it works.</summary>
    public bool Quick { get; init; }

    /// <summary>When it began, UTC.</summary>
    public DateTimeOffset Time { get; init; } = DateTimeOffset.UtcNow;

    /// <summary>CPUs of this machine.</summary>
    public int MachineCpus { get; init; } = Environment.ProcessorCount;

    /// <summary>The CPU's name.</summary>
    public string MachineCpu { get; init; } = ReadCpu();

    /// <summary>
    /// Processes that wanted a CPU in the minute before (load average): above a few tenths others worked beside it.
    /// </summary>
    public double MachineLoadBefore { get; init; } = Machine.Load();

    /// <summary>The same at its end: the benchmark's own load is in it.</summary>
    public double MachineLoadAfter { get; set; }

    /// <summary>QEMU's version; null where no guest ran.</summary>
    public string? QemuVersion { get; set; }

    /// <summary>What ran the guests; null where none did.</summary>
    public string? Accelerator { get; set; }

    /// <summary>The cases, in the order in which they were measured.</summary>
    public List<BenchCase> Cases { get; init; } = [];

    /// <summary>Reads a report.</summary>
    public static BenchReport Read(string path) =>
        JsonSerializer.Deserialize<BenchReport>(File.ReadAllText(path), s_json)
        ?? throw new InvalidDataException($"{path} is no report");

    /// <summary>Writes it.</summary>
    public void Write(string path)
    {
        MachineLoadAfter = Machine.Load();
        File.WriteAllText(path, JsonSerializer.Serialize(this, s_json) + "\n");
    }

    /// <summary>Adds a case of measured times, milliseconds.</summary>
    public void AddTimes(string name, IReadOnlyCollection<double> times, string note)
    {
        Statistics? of = Statistics.Of(times);
        Add(name, new Dictionary<string, double?>
        {
            ["count"] = times.Count, ["meanMs"] = of?.Mean, ["p50Ms"] = of?.P50, ["p99Ms"] = of?.P99,
            ["maxMs"] = of?.Max,
        }, note);
    }

    /// <summary>Adds a case and says it.</summary>
    public void Add(string name, IReadOnlyDictionary<string, double?> figures, string note = "")
    {
        Cases.Add(new BenchCase(name, figures, note));
        string all = string.Join(", ", figures.Select(f => f.Value is { } value
            ? string.Create(CultureInfo.InvariantCulture, $"{f.Key} {value:0.####}")
            : $"{f.Key} -"));
        Progress.Say($"{name}: {all}{(note.Length > 0 ? " (" + note + ")" : "")}");
    }

    private static string ReadCpu() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            ?.Split(':', 2)[1].Trim() ?? "unknown";
}
