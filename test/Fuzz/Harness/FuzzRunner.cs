using System.Diagnostics;
using System.Reflection;
using Umbra.Core.Basics;

namespace Umbra.Fuzz.Harness;

/// <summary>Runs targets on mutated inputs and says how to see a failure again.</summary>
public static class FuzzRunner
{
    // What one run may allocate: decoders have fixed buffers, so an input that asks for more has found a hole.
    private const long AllocationMax = 64L * Sizes.MiB;

    static FuzzRunner() => Invariant.OnViolation(static message => throw new InvalidOperationException(message));

    /// <summary>All targets of this assembly (top-level types), by name.</summary>
    public static IReadOnlyDictionary<string, IFuzzTarget> Targets { get; } = FindTargets();

    /// <summary>
    /// Runs <paramref name="target"/> on its seeds as they are, then on mutations, until <paramref name="inputsMax"/>
    /// inputs were run or <paramref name="timeMax"/> has passed; how many were run. Throws
    /// <see cref="FuzzFailureException"/> on the first failure.
    /// </summary>
    public static long Run(IFuzzTarget target, int seed, long inputsMax, TimeSpan timeMax)
    {
        long started = Stopwatch.GetTimestamp();
        long done = 0;
        foreach (byte[] sample in target.Seeds) RunOne(target, sample, seed, done++);
        var mutator = new Mutator(target.Seeds, seed);
        while (done < inputsMax && Stopwatch.GetElapsedTime(started) < timeMax)
            RunOne(target, mutator.Next(), seed, done++);
        return done;
    }

    private static void RunOne(IFuzzTarget target, byte[] input, int seed, long number)
    {
        try
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            target.Run(input);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (allocated > AllocationMax) throw new InvalidOperationException($"{allocated} bytes allocated");
        }
        catch (Exception e)
        {
            throw new FuzzFailureException(target.Name, seed, number, input, e);
        }
    }

    private static SortedDictionary<string, IFuzzTarget> FindTargets()
    {
        var targets = new SortedDictionary<string, IFuzzTarget>(StringComparer.Ordinal);
        foreach (Type type in Assembly.GetExecutingAssembly().GetTypes())
        {
            if (type.IsNested || type.IsAbstract || !type.IsAssignableTo(typeof(IFuzzTarget))) continue;
            var target = (IFuzzTarget)Activator.CreateInstance(type)!;
            targets.Add(target.Name, target);
        }

        return targets;
    }
}

/// <summary>A target failed; the message holds the input and the way to run it again.</summary>
public sealed class FuzzFailureException(string target, int seed, long number, byte[] input, Exception cause)
    : Exception(Describe(target, seed, number, input, cause), cause)
{
    private const int ShownBytesMax = 512;

    private static string Describe(string target, int seed, long number, byte[] input, Exception cause)
    {
        string shown = Convert.ToHexString(input.AsSpan(0, Math.Min(ShownBytesMax, input.Length)));
        string cut = input.Length > ShownBytesMax ? "..." : "";
        return $"fuzz target {target} failed on input {number} of seed {seed}: {cause.Message}\n"
            + $"{input.Length} bytes: {shown}{cut}\nagain: fuzz {target} --seed {seed}";
    }
}
