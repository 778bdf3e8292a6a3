using Umbra.Bench.Guests;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Takeover;

/// <summary>How long a shadow takes to run once its primary is proven to be off.</summary>
internal static class Program
{
    private const int TakeoversDefault = 20;

    private static readonly BenchProgram s_program = new(
        "takeover",
        """
        The QEMU of a guest under load is killed, one time after another around three hosts, under automatic takeover.
        Figures: from the proof (the controller knows that the process is gone and begins the takeover) until it sees
        the guest run on its shadow, and the same from the kill on. The guest checks its memory and disk after each.
        Needs root.
        """,
        [
            new BenchOption("--takeovers", "N", $"how many (default {TakeoversDefault})"),
            new BenchOption("--interval", "MS", "time between epochs (default 100)"),
            new BenchOption("--workload", "NAME", "what the guest does (default random-10)"),
            new BenchOption("--memory", "MIB", "the guest's memory (default 256)"),
        ],
        ["./dev bench takeover --report takeover.json", "./dev bench takeover --takeovers 5 --workload sqlite"]);

    private static Task<int> Main(string[] arguments)
    {
        RunFile.RemoveDead(kept: false);
        return s_program.RunAsync(arguments, (parsed, report) => new TakeoverRun(
            parsed.Number("--takeovers", parsed.Quick ? 2 : TakeoversDefault),
            TimeSpan.FromMilliseconds(parsed.Number("--interval", 100)),
            Workload.Named(parsed.Text("--workload", "random-10")),
            parsed.Number("--memory", 256) * (long)Sizes.MiB,
            report).RunAsync());
    }
}
