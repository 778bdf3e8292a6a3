using System.Text.Json;
using Umbra.Core.Drift;

namespace Umbra.Core.Tests.Drift;

/// <summary>The 40 cases of <c>data/paired-drift</c> with their truth.</summary>
internal static class PairedDriftSet
{
    public static List<Case> Read()
    {
        using var truth = JsonDocument.Parse(File.ReadAllText(SharedData.Path("paired-drift", "truth.json")));
        return [.. truth.RootElement.GetProperty("cases").EnumerateArray().Select(Read)];
    }

    private static Case Read(JsonElement item)
    {
        string name = item.GetProperty("case").GetString()!;
        var sampling = TimeSpan.FromSeconds(item.GetProperty("sampling_seconds").GetDouble());
        string text = string.Join('\n', SharedData.Lines(SharedData.Path("paired-drift", "cases", name + ".csv.gz")));
        var series = PairCsv.TryRead(new StringReader(text), sampling, out string error)
            ?? throw new InvalidOperationException($"{name}: {error}");
        int calibration = series.SampleAt(item.GetProperty("calibration_end").GetDateTimeOffset());
        var quiet = new Case(name, item.GetProperty("family").GetString()!, series, calibration);
        foreach (var happening in item.GetProperty("events").EnumerateArray())
        {
            if (happening.GetProperty("scope").GetString() != "primary") continue;
            return quiet with
            {
                Kind = happening.GetProperty("kind").GetString()!,
                Kpi = happening.GetProperty("kpi").GetString()!,
                Onset = series.SampleAt(happening.GetProperty("onset").GetDateTimeOffset()),
            };
        }

        return quiet;
    }
}
