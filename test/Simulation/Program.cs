using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Basics;

namespace Umbra.Simulation;

/// <summary>
/// <c>sim --seeds N [--from S]</c> runs many seeds, <c>sim --seed S [--trace]</c> replays one; with
/// <c>--fleet</c> fleets alone. Anything else runs this project's tests.
/// </summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        Invariant.OnViolation(message => throw new InvalidOperationException(message));
        if (args.Length == 0 || args[0] != "sim")
            return Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args).GetAwaiter().GetResult();
        PlantedBug bug = Enum.Parse<PlantedBug>(Option(args, "--bug") ?? "None");
        bool fleet = args.Contains("--fleet");
        if (Option(args, "--seed") is { } seed) return Replay(Number(seed), bug, args.Contains("--trace"), fleet);
        int count = (int)Number(Option(args, "--seeds") ?? "1000");
        return RunMany(count, Number(Option(args, "--from") ?? "1"), bug, fleet);
    }

    private static int Replay(ulong seed, PlantedBug bug, bool trace, bool fleet)
    {
        TextWriter? to = trace ? Console.Out : null;
        SimResult result = fleet || SeedRun.IsOfFleet(bug)
            ? new FleetWorld(seed, bug, to).Run() : new SimWorld(seed, bug, to).Run();
        Console.WriteLine(result);
        return result.Failure is null ? 0 : 1;
    }

    private static int RunMany(int count, ulong from, PlantedBug bug, bool fleet)
    {
        Stopwatch watch = Stopwatch.StartNew();
        SeedRun run = SeedRun.Run(from, count, bug, failuresMax: 5, fleet);
        foreach (SimResult failed in run.Failures)
            Console.WriteLine($"seed {failed.Seed}: {failed.Failure}");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Done} seeds, {run.Failures.Count} failed, {run.Repeated} run twice, {run.Epochs} epochs, "
            + $"{run.Swaps} swaps, {run.Moves} moves by suspicion in fleets and "
            + $"{run.PairMoves} amid faults, {run.Runs} shadows run, "
            + $"{run.Lost} VMs lost or left to a person, {watch.Elapsed.TotalSeconds:0.0} s"));
        if (run.Failures.Count > 0) Console.WriteLine("replay: sim " + run.Failures[0].Replay);
        return run.Failures.Count == 0 ? 0 : 1;
    }

    private static string? Option(string[] args, string name)
    {
        int at = Array.IndexOf(args, name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
    }

    private static ulong Number(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);
}
