namespace Umbra.Bench.CompareRevisions;

/// <summary>One benchmark on two revisions of the repository, in turn, on this machine.</summary>
internal static class Program
{
    private const int RoundsDefault = 3;

    private static readonly BenchProgram s_program = new(
        "compare-revisions",
        """
        Usage in full: ./dev bench compare-revisions A B [OPTION...] [-- NAME OPTIONS...]

        Runs one benchmark (default: micro) on revisions A and B in turn, each in a git worktree of its own, and tells
        for every figure of every case the median of B against the median of A. Figures of one machine at one time
        compare; figures noted down elsewhere do not.
        """,
        [new BenchOption("--rounds", "N", $"runs of each revision (default {RoundsDefault})")],
        [
            "./dev bench compare-revisions main~5 main",
            "./dev bench compare-revisions v1 HEAD --rounds 5 -- micro --only engine-encode",
        ]);

    private static Task<int> Main(string[] arguments) => s_program.RunAsync(arguments, (parsed, report) =>
    {
        if (parsed.Words.Count != 2) throw new ArgumentException("two revisions are needed: A B");
        string[] benchmark = parsed.Rest.Count > 0 ? [.. parsed.Rest] : ["micro"];
        if (parsed.Quick) benchmark = [.. benchmark, "--quick"];
        int rounds = parsed.Number("--rounds", parsed.Quick ? 1 : RoundsDefault);
        using var a = Revision.CheckOut(parsed.Words[0]);
        using var b = Revision.CheckOut(parsed.Words[1]);
        for (int round = 1; round <= rounds; round++)
        {
            Progress.Say($"round {round} of {rounds}");
            // Each begins every other round, so that neither always has the warmer machine.
            foreach (Revision one in round % 2 == 1 ? new[] { a, b } : [b, a]) one.Measure(benchmark);
        }

        Tell(report, a, b);
        return Task.CompletedTask;
    });

    private static void Tell(BenchReport report, Revision a, Revision b)
    {
        foreach ((string name, string figure) in a.Figures.Keys.Where(b.Figures.ContainsKey))
        {
            double before = Statistics.Median(a.Figures[(name, figure)]);
            double after = Statistics.Median(b.Figures[(name, figure)]);
            report.Add($"{name} {figure}", new Dictionary<string, double?>
            {
                ["a"] = Statistics.Round(before), ["b"] = Statistics.Round(after),
                ["bToARatio"] = before == 0 ? null : Statistics.Round(after / before),
            });
        }

        if (report.Cases.Count == 0) throw new InvalidDataException("the two revisions have no figure in common");
    }
}
