using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Drift;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra drift replay</c>: the drift engine on recorded series. Needs no controller.</summary>
internal static class DriftCommands
{
    // What people's own series are calibrated on where they do not say.
    private const double CalibrationShare = 0.4;

    private static readonly Option<DirectoryInfo?> s_cases = new("--cases")
    {
        Description = "Directory of cases: cNNN.csv.gz (there or below cases/) and index.json",
        HelpName = "DIR",
    };

    private static readonly Option<FileInfo?> s_out = new("--out")
    {
        Description = "Where the alarms of --cases go, as CSV: case,time,kpi,kind",
        HelpName = "FILE",
    };

    private static readonly Option<string[]> s_pair = new("--pair")
    {
        Description = "Two CSV files with time and one column for each KPI",
        HelpName = "PRIMARY SHADOW",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<int?> s_calibration = new("--calibration")
    {
        Description = "Samples of --pair that make the baseline (default: two fifths of them)",
        HelpName = "SAMPLES",
    };

    /// <summary><c>umbra drift</c> with its commands.</summary>
    public static Command Create()
    {
        var replay = new UmbraCommand(
            "replay", "Run the drift engine over recorded series, one sample after the other",
            "drift replay --pair primary.csv shadow.csv", "drift replay --cases DIR --out alarms.csv");
        foreach (var option in new Option[] { s_cases, s_out, s_pair, s_calibration }) replay.Options.Add(option);
        replay.SetAction(static parsed =>
        {
            bool isPair = parsed.GetValue(s_pair) is { Length: 2 };
            bool isCases = parsed.GetValue(s_cases) is not null && parsed.GetValue(s_out) is not null;
            if (isPair == isCases)
                throw new CliException(ExitCodes.Usage, "either --pair, or --cases with --out, is wanted");
            return isPair ? ReplayPair(parsed) : ReplayCases(parsed);
        });
        var drift = new UmbraCommand(
            "drift", "Drift of the primary's hardware", "drift show web",
            "drift replay --pair primary.csv shadow.csv");
        drift.Subcommands.Add(replay);
        drift.Subcommands.Add(DriftShowCommand.Create());
        return drift;
    }

    private static int ReplayPair(ParseResult parsed)
    {
        string[] files = parsed.GetValue(s_pair)!;
        var series = DriftFiles.ReadPair(files[0], files[1]);
        int calibration = parsed.GetValue(s_calibration) ?? (int)(CalibrationShare * series.Samples);
        Screen.Show(parsed, DriftFiles.Replay(series, calibration, files[0]), Render);
        return ExitCodes.Ok;
    }

    private static int ReplayCases(ParseResult parsed)
    {
        var cases = new DriftCases(parsed.GetValue(s_cases)!);
        var lines = new List<string> { "case,time,kpi,kind" };
        foreach (var item in cases.Index)
        {
            var series = cases.Read(item);
            var result = DriftFiles.Replay(series, series.SampleAt(item.CalibrationEnd), item.Case);
            foreach (var alarm in result.Alarms)
                lines.Add($"{item.Case},{Time(alarm.Time)},{alarm.Evidence.Kpi},{Word(alarm.Evidence.Form)}");
        }

        var output = parsed.GetValue(s_out)!;
        try
        {
            File.WriteAllLines(output.FullName, lines);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.Failed, $"{output.FullName} cannot be written: {exception.Message}");
        }

        var summary = new CasesSummary(cases.Index.Count, lines.Count - 1, output.FullName);
        Screen.Show(
            parsed, summary, static s => new Spectre.Console.Text($"{s.Cases} cases, {s.Alarms} alarms: {s.File}\n"));
        return ExitCodes.Ok;
    }

    private static IRenderable Render(ReplayResult result)
    {
        var alarms = Text.Table("ALARM", "KPI", "FORM", "ONSET", "WHY");
        foreach (var alarm in result.Alarms)
        {
            alarms.Row(
                Time(alarm.Time), alarm.Evidence.Kpi, Word(alarm.Evidence.Form), Time(alarm.OnsetTime),
                alarm.Evidence.Explanation);
        }

        var end = Text.Table("KPI", "SCORE", "HINT", "AT THE END");
        foreach (var kpi in result.End.Kpis)
        {
            end.Row(
                kpi.Kpi, kpi.Score.ToString("0.00", CultureInfo.InvariantCulture), kpi.Hint >= 1 ? "yes" : "no",
                kpi.Explanation);
        }

        var facts = Text.Facts(
            ("Samples", $"{result.Samples}, of which {result.CalibrationSamples} made the baseline"),
            ("Alarms", result.Alarms.Count.ToString(CultureInfo.InvariantCulture)));
        return result.Alarms.Count == 0 ? new Rows(facts, end) : new Rows(facts, alarms, end);
    }

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Word(DriftForm form) => form switch
    {
        DriftForm.LevelUp => "level-up",
        DriftForm.LevelDown => "level-down",
        DriftForm.Spread => "spread",
        _ => "spikes",
    };

    private sealed record CasesSummary(int Cases, int Alarms, string File);
}
