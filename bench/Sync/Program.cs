using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Sync;

/// <summary>What protection costs a guest, by workload and interval.</summary>
internal static class Program
{
    private const int SecondsDefault = 15;
    private const int MemoryDefault = 256;
    private const string WorkloadsDefault = "idle,random-10,random-50,random-200,sqlite,perl";

    private static readonly BenchProgram s_program = new(
        "sync",
        """
        A protected guest in a lab of three hosts, one workload after another: the pause of an epoch by phase, against
        the floor (bare stop, device state, cont of the same VM in the same run), raw and wire bytes, the agent's CPU
        time and memory, and the guest's own count of operations against the same guest unprotected. Needs root.
        """,
        [
            new BenchOption(
                "--workloads", "NAME,...", "of " + string.Join(", ", Guests.Workload.All.Select(w => w.Name))),
            new BenchOption("--intervals", "MS,...", "time between epochs (default 1000,100,50)"),
            new BenchOption("--disk-modes", "MODE,...", "how the disks are followed: mirror, backup (default mirror)"),
            new BenchOption("--link", "MB/S", "limit of the way to the shadow once epochs flow (default none; by tc)"),
            new BenchOption("--seconds", "N", $"measured time of each case (default {SecondsDefault})"),
            new BenchOption("--memory", "MIB", $"the guest's memory (default {MemoryDefault})"),
            new BenchOption("--runs", "N", "all of it so often, and how far the runs lie apart (default 1)"),
            new BenchOption("--compare", "N", "full compares of shadow and guest within each case (default 0)"),
        ],
        [
            "./dev bench sync --report sync.json",
            "./dev bench sync --workloads sqlite --intervals 100 --seconds 60",
            "./dev bench sync --workloads random-10 --runs 3 --compare 2",
            "./dev bench sync --workloads sqlite --intervals 1000 --disk-modes mirror,backup --link 4",
        ]);

    private static Task<int> Main(string[] arguments)
    {
        RunFile.RemoveDead(kept: false);
        return s_program.RunAsync(arguments, (parsed, report) => new SyncRun(new SyncPlan
        {
            Workloads = [.. parsed.List("--workloads", parsed.Quick ? "random-10" : WorkloadsDefault)
                .Select(Guests.Workload.Named)],
            Intervals = [.. parsed.List("--intervals", parsed.Quick ? "100" : "1000,100,50")
                .Select(ms => TimeSpan.FromMilliseconds(int.Parse(ms, CultureInfo.InvariantCulture)))],
            DiskModes = [.. parsed.List("--disk-modes", "mirror")
                .Select(mode => Enum.Parse<DiskMode>(mode, ignoreCase: true))],
            LinkBytesPerSecond = parsed.Number("--link", 0) * 1_000_000L,
            Time = TimeSpan.FromSeconds(parsed.Number("--seconds", parsed.Quick ? 3 : SecondsDefault)),
            MemoryBytes = parsed.Number("--memory", MemoryDefault) * (long)Sizes.MiB,
            FloorRounds = parsed.Quick ? 10 : 100,
            Runs = parsed.Number("--runs", 1),
            Compares = parsed.Number("--compare", 0),
        }, report).RunAsync());
    }
}
