using Umbra.Bench.Guests;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Swap;

/// <summary>How long planned warm swaps take.</summary>
internal static class Program
{
    private const int SwapsDefault = 50;

    private static readonly BenchProgram s_program = new(
        "swap",
        """
        Warm swaps of one guest under load, one after another around three hosts: blackout (pause on the old host to
        running on the new one), decision to running, every phase, and the longest silence that a TCP client outside
        saw. The guest checks its memory and disk after each. Needs root.
        """,
        [
            new BenchOption("--swaps", "N", $"how many (default {SwapsDefault})"),
            new BenchOption("--interval", "MS", "time between epochs (default 100)"),
            new BenchOption("--workload", "NAME", "what the guest does (default random-10)"),
            new BenchOption("--memory", "MIB", "the guest's memory (default 256)"),
        ],
        ["./dev bench swap --report swap.json", "./dev bench swap --swaps 10 --workload sqlite"]);

    private static Task<int> Main(string[] arguments)
    {
        RunFile.RemoveDead(kept: false);
        return s_program.RunAsync(arguments, (parsed, report) => new SwapRun(
            parsed.Number("--swaps", parsed.Quick ? 2 : SwapsDefault),
            TimeSpan.FromMilliseconds(parsed.Number("--interval", 100)),
            Workload.Named(parsed.Text("--workload", "random-10")),
            parsed.Number("--memory", 256) * (long)Sizes.MiB,
            report).RunAsync());
    }
}
