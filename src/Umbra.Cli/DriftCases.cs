using System.IO.Compression;
using System.Text.Json;
using Umbra.Core.Basics;
using Umbra.Core.Drift;

namespace Umbra.Cli;

/// <summary>One case of a set.</summary>
/// <param name="Case">Its name.</param>
/// <param name="SamplingSeconds">Time between samples, s.</param>
/// <param name="CalibrationEnd">From here on it is watched.</param>
internal sealed record DriftCase(string Case, double SamplingSeconds, DateTimeOffset CalibrationEnd);

/// <summary>A set of recorded pairs: <c>index.json</c> and one <c>CASE.csv.gz</c> for each of its cases.</summary>
internal sealed class DriftCases
{
    private const int IndexBytesMax = 8 * Sizes.MiB;
    private const int CasesMax = 10_000;
    private const double SamplingSecondsMax = 1e7;

    private static readonly JsonSerializerOptions s_json =
        new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly string _directory;

    /// <summary>Reads the index in <paramref name="directory"/>, or in its parent where that is
    /// <c>cases/</c>.</summary>
    public DriftCases(DirectoryInfo directory)
    {
        _directory = directory.FullName;
        string[] places = [Path.Combine(_directory, "index.json"), Path.Combine(_directory, "..", "index.json")];
        string path = places.FirstOrDefault(File.Exists)
            ?? throw new CliException(ExitCodes.NotFound, $"there is no index.json in {_directory}");
        if (new FileInfo(path).Length > IndexBytesMax)
            throw new CliException(ExitCodes.Usage, $"{path} has more than {ByteText.Of(IndexBytesMax)}");
        Index = ReadIndex(path);
    }

    /// <summary>The cases.</summary>
    public IReadOnlyList<DriftCase> Index { get; }

    /// <summary>The series of a case.</summary>
    public PairSeries Read(DriftCase item)
    {
        string name = item.Case + ".csv.gz";
        string[] places = [Path.Combine(_directory, name), Path.Combine(_directory, "cases", name)];
        string path = places.FirstOrDefault(File.Exists)
            ?? throw new CliException(ExitCodes.NotFound, $"there is no {name} in {_directory}");
        using var zipped = DriftFiles.Open(path);
        using var text = new StreamReader(new GZipStream(zipped.BaseStream, CompressionMode.Decompress));
        var sampling = TimeSpan.FromSeconds(item.SamplingSeconds);
        return DriftFiles.Read(() => (PairCsv.TryRead(text, sampling, out string error), error), path);
    }

    private static List<DriftCase> ReadIndex(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var list = json.RootElement.ValueKind == JsonValueKind.Object
                ? json.RootElement.GetProperty("cases")
                : json.RootElement;
            var cases = list.Deserialize<List<DriftCase>>(s_json) ?? [];
            if (cases.Count > CasesMax) throw new CliException(ExitCodes.Usage, $"{path} has over {CasesMax} cases");
            if (!cases.All(IsValid)) throw new CliException(ExitCodes.Usage, $"{path} has a case that is not valid");
            return cases;
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or IOException
            or InvalidOperationException)
        {
            throw new CliException(ExitCodes.Usage, $"{path} is no index of cases: {exception.Message}");
        }
    }

    // The name becomes part of a path.
    private static bool IsValid(DriftCase item) =>
        item?.Case is not null && Names.IsValid(item.Case) && item.SamplingSeconds is > 0 and <= SamplingSecondsMax;
}
