using System.Globalization;
using Umbra.Fuzz.Harness;

namespace Umbra.Fuzz;

/// <summary>
/// <c>fuzz TARGET [--seconds N] [--seed S]</c> runs one target (or <c>all</c>) for a time; anything else goes to the
/// test runner, which runs the smoke tests.
/// </summary>
public static class Program
{
    private const string Usage = "usage: fuzz TARGET|all|list [--seconds N] [--seed S]";

    /// <summary>Entry point.</summary>
    public static async Task<int> Main(string[] args)
    {
        if (args is not ["fuzz", ..]) return await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
        int seconds = 30;
        int seed = 1;
        for (int i = 2; i < args.Length; i += 2)
        {
            if (!TryOption(args, i, "--seconds", ref seconds) && !TryOption(args, i, "--seed", ref seed))
                return Refuse(Usage);
        }

        if (args.Length < 2) return Refuse(Usage);
        if (args[1] == "list")
        {
            foreach (string name in FuzzRunner.Targets.Keys) Console.WriteLine(name);
            return 0;
        }

        bool known = FuzzRunner.Targets.TryGetValue(args[1], out IFuzzTarget? target);
        if (!known && args[1] != "all") return Refuse($"unknown target {args[1]}");
        return Fuzz(target is null ? [.. FuzzRunner.Targets.Values] : [target], TimeSpan.FromSeconds(seconds), seed);
    }

    private static int Fuzz(IReadOnlyList<IFuzzTarget> targets, TimeSpan time, int seed)
    {
        foreach (IFuzzTarget target in targets)
        {
            try
            {
                long inputs = FuzzRunner.Run(target, seed, long.MaxValue, time / targets.Count);
                Console.WriteLine($"{target.Name}: {inputs} inputs, seed {seed}: all properties held");
            }
            catch (FuzzFailureException e)
            {
                Console.Error.WriteLine(e);
                return 1;
            }
        }

        return 0;
    }

    private static bool TryOption(string[] args, int at, string name, ref int value) =>
        args[at] == name && at + 1 < args.Length
        && int.TryParse(args[at + 1], NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static int Refuse(string why)
    {
        Console.Error.WriteLine($"{why}\ntargets: {string.Join(' ', FuzzRunner.Targets.Keys)}");
        return 2;
    }
}
