using System.Globalization;

namespace Umbra.Bench;

/// <summary>A benchmark as a program: its command line, its report, its end.</summary>
/// <param name="Name">Its name in <c>./dev bench</c>.</param>
/// <param name="Summary">What it measures, and against what.</param>
/// <param name="Options">Its own options.</param>
/// <param name="Examples">Command lines worth trying.</param>
public sealed record BenchProgram(
    string Name, string Summary, IReadOnlyList<BenchOption> Options, IReadOnlyList<string> Examples)
{
    private const int ExitFailed = 1;
    private const int ExitUsage = 2;

    /// <summary>Runs <paramref name="measure"/> unless help is asked for or the command line is wrong.</summary>
    public async Task<int> RunAsync(string[] arguments, Func<BenchArguments, BenchReport, Task> measure)
    {
        if (arguments.Any(word => word is "--help" or "-h"))
        {
            Console.WriteLine(Usage());
            return 0;
        }

        BenchArguments? parsed = BenchArguments.TryParse(arguments, Options, out string error);
        if (parsed is null)
        {
            Console.Error.WriteLine($"{Name}: {error}\n\n{Usage()}");
            return ExitUsage;
        }

        var report = new BenchReport
        {
            Benchmark = Name,
            Command = string.Join(' ', ["./dev bench", Name, .. arguments]),
            Quick = parsed.Quick,
        };
        Progress.Say(report.Command);
        bool succeeded = await TryMeasureAsync(parsed, report, measure);
        if (parsed.ReportPath is { } path)
        {
            report.Write(path);
            Progress.Say($"report: {path}");
        }

        return succeeded && report.Cases.Count > 0 ? 0 : ExitFailed;
    }

    private async Task<bool> TryMeasureAsync(
        BenchArguments arguments, BenchReport report, Func<BenchArguments, BenchReport, Task> measure)
    {
        try
        {
            await measure(arguments, report);
            Console.WriteLine(ReportTable.Draw(report));
            return true;
        }
        catch (Exception e)
        {
            // What was measured before is still worth its report.
            Progress.Say($"{Name} failed: {e}");
            if (report.Cases.Count > 0) Console.WriteLine(ReportTable.Draw(report));
            return false;
        }
    }

    private string Usage()
    {
        IEnumerable<string> options = Options.Select(option =>
            string.Create(CultureInfo.InvariantCulture, $"  {option.Name + " " + option.Value,-24} {option.Help}"));
        return $"""
            usage: ./dev bench {Name} [OPTION...]

            {Summary}

            {string.Join('\n', options)}
              --report FILE            write the results as JSON
              --quick                  a short run that only shows that it works
              --help                   this text

            Examples:
            {string.Join('\n', Examples.Select(example => "  " + example))}
            """;
    }
}
