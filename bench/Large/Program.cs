using System.Globalization;
using Umbra.Bench.Guests;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Large;

/// <summary>What grows with a guest's memory.</summary>
internal static class Program
{
    private const int SecondsDefault = 8;

    private static readonly BenchProgram s_program = new(
        "large",
        """
        Guests of growing memory in a lab, half of it filled with data that differs page by page: time and rate of the
        first copy, the guest's slowdown meanwhile, pause with its scan, and the own memory of both agents against the
        promise, each beside its growth per GiB. A guest, its shadow and the lab share this machine's
        memory: a size needs somewhat more than twice as much free. Needs root.
        """,
        [
            new BenchOption("--sizes", "MIB,...", "memory of the guests (default 256,1024,4096)"),
            new BenchOption("--seconds", "N", $"measured time of each (default {SecondsDefault})"),
            new BenchOption("--workload", "NAME", "what the guest does (default random-10)"),
        ],
        ["./dev bench large --report large.json", "./dev bench large --sizes 512,2048"]);

    private static Task<int> Main(string[] arguments)
    {
        RunFile.RemoveDead(kept: false);
        return s_program.RunAsync(arguments, (parsed, report) => new LargeRun(
            [.. parsed.List("--sizes", parsed.Quick ? "256,512" : "256,1024,4096")
                .Select(mib => int.Parse(mib, CultureInfo.InvariantCulture) * (long)Sizes.MiB)],
            Workload.Named(parsed.Text("--workload", "random-10")),
            TimeSpan.FromSeconds(parsed.Number("--seconds", parsed.Quick ? 3 : SecondsDefault)),
            report).RunAsync());
    }
}
