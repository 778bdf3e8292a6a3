using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Basics;

namespace Umbra.Simulation;

/// <summary>
/// <c>sim --seeds N [--from S]</c> runs many seeds, <c>sim --seed S [--trace]</c> replays one; anything else runs this
/// project's tests.
/// </summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        Invariant.OnViolation(message => throw new InvalidOperationException(message));
        if (args.Length == 0 || args[0] != "sim")
            return Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args).GetAwaiter().GetResult();
        PlantedBug bug = Enum.Parse<PlantedBug>(Option(args, "--bug") ?? "None");
        if (Option(args, "--seed") is { } seed) return Replay(Number(seed), bug, args.Contains("--trace"));
        return RunMany((int)Number(Option(args, "--seeds") ?? "1000"), Number(Option(args, "--from") ?? "1"), bug);
    }

    private static int Replay(ulong seed, PlantedBug bug, bool trace)
    {
        SimResult result = new SimWorld(seed, bug, trace ? Console.Out : null).Run();
        Console.WriteLine(result);
        return result.Failure is null ? 0 : 1;
    }

    private static int RunMany(int count, ulong from, PlantedBug bug)
    {
        Stopwatch watch = Stopwatch.StartNew();
        SeedRun run = SeedRun.Run(from, count, bug, failuresMax: 5);
        foreach (SimResult failed in run.Failures)
            Console.WriteLine($"seed {failed.Seed}: {failed.Failure}");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Done} seeds, {run.Failures.Count} failed, {run.Repeated} run twice, {run.Epochs} epochs, "
            + $"{run.Swaps} swaps, {run.Runs} shadows run, {run.Lost} VMs lost or left to a person, "
            + $"{watch.Elapsed.TotalSeconds:0.0} s"));
        if (run.Failures.Count > 0) Console.WriteLine($"replay: sim --seed {run.Failures[0].Seed} --trace");
        return run.Failures.Count == 0 ? 0 : 1;
    }

    private static string? Option(string[] args, string name)
    {
        int at = Array.IndexOf(args, name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
    }

    private static ulong Number(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);
}
