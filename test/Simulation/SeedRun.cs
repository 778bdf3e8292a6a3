namespace Umbra.Simulation;

/// <summary>Many seeds, in parallel; one in twenty is run twice and must go the same way.</summary>
internal sealed class SeedRun
{
    private const int RepeatOneIn = 20;

    /// <summary>Of so many seeds one has a fleet too: half an hour of many VMs takes longer.</summary>
    public const int FleetOneIn = 50;

    private readonly Lock _lock = new();

    public List<SimResult> Failures { get; } = [];

    public int Done { get; private set; }

    public int Repeated { get; private set; }

    public long Epochs { get; private set; }

    public long Swaps { get; private set; }

    public long Moves { get; private set; }

    /// <summary>Moves by suspicion amid the faults of a pair.</summary>
    public long PairMoves { get; private set; }

    public long Runs { get; private set; }

    public int Lost { get; private set; }

    public static SeedRun Run(ulong from, int count, PlantedBug bug, int failuresMax, bool fleet = false)
    {
        SeedRun run = new();
        ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For(0, count, options, (i, state) =>
        {
            if (!run.Add(One(from + (ulong)i, bug, fleet), failuresMax)) state.Stop();
        });
        run.Failures.Sort((a, b) => a.Seed.CompareTo(b.Seed));
        return run;
    }

    private static (SimResult Result, bool Repeated) One(ulong seed, PlantedBug bug, bool fleet)
    {
        if (fleet || IsOfFleet(bug)) return (OfFleet(seed, bug), false);
        SimResult result = new SimWorld(seed, bug, null).Run();
        if (seed % FleetOneIn == FleetOneIn / 2 && bug == PlantedBug.None && result.Failure is null)
            result = With(result, OfFleet(seed, bug));
        if (seed % RepeatOneIn != 0 || result.Failure is not null) return (result, false);
        SimResult again = new SimWorld(seed, bug, null).Run();
        string other = $"it went another way the second time: {again}";
        return (again == result ? result : result with { Failure = other }, true);
    }

    /// <summary>Whether the mistake is one that only a fleet shows.</summary>
    public static bool IsOfFleet(PlantedBug bug) => bug >= PlantedBug.CoolDownIgnored;

    private static SimResult OfFleet(ulong seed, PlantedBug bug) => new FleetWorld(seed, bug, null).Run();

    private static SimResult With(SimResult pair, SimResult fleet) =>
        pair with { Failure = fleet.Failure, Digest = pair.Digest ^ fleet.Digest, Moves = fleet.Moves };

    private bool Add((SimResult Result, bool Repeated) one, int failuresMax)
    {
        lock (_lock)
        {
            Done++;
            if (one.Repeated) Repeated++;
            if (one.Result.Failure is not null) Failures.Add(one.Result);
            Epochs += one.Result.Epochs;
            Swaps += one.Result.Swaps;
            Moves += one.Result.Moves;
            PairMoves += one.Result.PairMoves;
            Runs += one.Result.Takeovers;
            if (one.Result.LostVm) Lost++;
            return Failures.Count < failuresMax;
        }
    }
}
