using Umbra.Bench.Guests;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Compare;

/// <summary>Umbra beside what QEMU itself offers, for the same guest in the same run.</summary>
internal static class Program
{
    private static readonly BenchProgram s_program = new(
        "compare",
        """
        The same guest under the same load, by one method after another: Umbra's warm swap and epochs; QEMU's live
        migration as it comes and tuned (multifd, no bandwidth limit); a whole checkpoint by `migrate` every second;
        COLO, where it runs. Time, blackout, bytes, slowdown of the guest. QEMU's methods move no disk: both sides share
        its file. A method that fails is in the table with what QEMU said. Needs root.
        """,
        [
            new BenchOption("--workload", "NAME", "what the guest does (default random-50)"),
            new BenchOption("--rounds", "N", "swaps and migrations of each kind (default 5)"),
            new BenchOption("--memory", "MIB", "the guest's memory (default 256)"),
        ],
        ["./dev bench compare --report compare.json", "./dev bench compare --workload sqlite --rounds 10"]);

    private static Task<int> Main(string[] arguments)
    {
        RunFile.RemoveDead(kept: false);
        return s_program.RunAsync(arguments, (parsed, report) => new CompareRun(
            Workload.Named(parsed.Text("--workload", "random-50")),
            parsed.Number("--rounds", parsed.Quick ? 1 : 5),
            parsed.Number("--memory", 256) * (long)Sizes.MiB,
            report).RunAsync());
    }
}
