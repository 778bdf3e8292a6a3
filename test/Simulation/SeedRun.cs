namespace Umbra.Simulation;

/// <summary>Many seeds, in parallel; one in twenty is run twice and must go the same way.</summary>
internal sealed class SeedRun
{
    private const int RepeatOneIn = 20;

    private readonly Lock _lock = new();

    public List<SimResult> Failures { get; } = [];

    public int Done { get; private set; }

    public int Repeated { get; private set; }

    public long Epochs { get; private set; }

    public long Swaps { get; private set; }

    public long Runs { get; private set; }

    public int Lost { get; private set; }

    public static SeedRun Run(ulong from, int count, PlantedBug bug, int failuresMax)
    {
        SeedRun run = new();
        ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For(0, count, options, (i, state) =>
        {
            if (!run.Add(One(from + (ulong)i, bug), failuresMax)) state.Stop();
        });
        run.Failures.Sort((a, b) => a.Seed.CompareTo(b.Seed));
        return run;
    }

    private static (SimResult Result, bool Repeated) One(ulong seed, PlantedBug bug)
    {
        SimResult result = new SimWorld(seed, bug, null).Run();
        if (seed % RepeatOneIn != 0 || result.Failure is not null) return (result, false);
        SimResult again = new SimWorld(seed, bug, null).Run();
        string other = $"it went another way the second time: {again}";
        return (again == result ? result : result with { Failure = other }, true);
    }

    private bool Add((SimResult Result, bool Repeated) one, int failuresMax)
    {
        lock (_lock)
        {
            Done++;
            if (one.Repeated) Repeated++;
            if (one.Result.Failure is not null) Failures.Add(one.Result);
            Epochs += one.Result.Epochs;
            Swaps += one.Result.Swaps;
            Runs += one.Result.Takeovers;
            if (one.Result.LostVm) Lost++;
            return Failures.Count < failuresMax;
        }
    }
}
