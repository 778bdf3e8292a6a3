using System.Diagnostics;
using Umbra.Core.Basics;
using Umbra.Core.Sensors;
using Umbra.Linux;
using Umbra.Linux.Machine;
using Umbra.Linux.Memory;
using Umbra.Linux.Processes;
using Umbra.Linux.ProcFs;

namespace Umbra.Agent.Sensors;

/// <summary>What a canary found in one second.</summary>
public sealed record CanaryReading
{
    /// <summary>When it ended, on the host's monotonic clock.</summary>
    public required TimeSpan At { get; init; }

    /// <summary>
    /// Wall time of a piece of integer work, mean, ns: with all that kept the thread from its CPU, also from beginning.
    /// </summary>
    public required double WorkNanoseconds { get; init; }

    /// <summary>
    /// One access of the pointer chase, median of some rounds, ns: a round that lost its CPU says nothing of memory.
    /// Null: there is no memory for it.
    /// </summary>
    public required double? AccessNanoseconds { get; init; }

    /// <summary>Why there is no <see cref="AccessNanoseconds"/>; else empty.</summary>
    public required string AccessReason { get; init; }

    /// <summary>CPU time that the canary got of the wall time that its work took, 0 to 1.</summary>
    public required double CpuShare { get; init; }

    /// <summary>CPU time that the reading cost.</summary>
    public required TimeSpan CpuTime { get; init; }

    /// <summary>The canary's thread as the scheduler counts it; null where it does not.</summary>
    public required SchedStat? Sched { get; init; }
}

/// <summary>
/// A thread that does the same small work once a second on the CPUs and memory node of a VM, on primary and shadow
/// alike: what changes is the hardware, or who else uses it. Shared by all VMs of a host in the same place. It uses
/// about half a percent of a core, on a machine of any speed at most eight tenths (<see cref="CanaryBudget"/>).
/// </summary>
public sealed class HostCanary : IDisposable
{
    /// <summary>
    /// Pieces of integer work a second, where that fits the budget. Together they take some milliseconds: a shorter
    /// look fits into what a CPU quota leaves a thread that has slept (one millisecond), and would not notice it.
    /// </summary>
    public const int WorkPieces = 64;

    /// <summary>Rounds of the pointer chase a second, where that fits the budget.</summary>
    public const int ChaseRounds = 9;

    private const int StepsPerRound = 2000;
    private const long RingBytesDefault = 64 * Sizes.MiB, RingBytesMin = 32 * Sizes.MiB;
    private const ulong RingSeed = 0x5EED;

    /// <summary>So late a thread may wake up without anybody keeping it from its CPU.</summary>
    private static readonly TimeSpan TimerTolerance = TimeSpan.FromMilliseconds(2);

    private readonly ThreadPlacement _placement;
    private readonly ManualResetEventSlim _stop = new();
    private readonly CanaryBudget _workBudget = new(CanaryBudget.PerSecond * 0.4, WorkPieces);
    private readonly CanaryBudget _chaseBudget = new(CanaryBudget.PerSecond * 0.4, ChaseRounds);
    private volatile CanaryReading? _latest;
    private volatile string _trouble = "the canary is being started";
    private ulong _state = 1;

    /// <summary>Begins at once, on the CPUs of <paramref name="placement"/>.</summary>
    public HostCanary(ThreadPlacement placement)
    {
        _placement = placement;
        new Thread(Run) { IsBackground = true, Name = "canary " + NumberList.Format(placement.Cpus) }.Start();
    }

    /// <summary>The newest reading; null before the first.</summary>
    public CanaryReading? Latest => _latest;

    /// <summary>Why there is no reading; empty while there is.</summary>
    public string Trouble => _trouble;

    /// <summary>Ring of the pointer chase: twice the last-level cache, within limits, bytes.</summary>
    public static long RingBytes(long? cacheBytes)
    {
        long wanted = cacheBytes is { } cache ? cache * 2 : RingBytesDefault;
        return Math.Clamp(wanted / Sizes.MiB * Sizes.MiB, RingBytesMin, PointerChase.BytesMax);
    }

    /// <summary>Memory node of a placement: the first that it allows and its first CPU is near to.</summary>
    public static int? NodeOf(ThreadPlacement placement)
    {
        int? near = CpuTopology.NodeOf(placement.Cpus[0]);
        if (near is { } node && placement.Nodes.Contains(node)) return node;
        return placement.Nodes.Count > 0 ? placement.Nodes[0] : null;
    }

    /// <summary>Stops after the second that is under way.</summary>
    public void Dispose() => _stop.Set();

    private void Run()
    {
        if (CurrentThread.RunOn(_placement.Cpus) is { } error)
        {
            _trouble = error.Message;
            return;
        }

        using PointerChase? chase = MakeChase(out string reason);
        int thread = CurrentThread.Id;
        TimeSpan late = TimeSpan.Zero;
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            _latest = Measure(chase, reason, thread, late);
            _trouble = "";
            TimeSpan now = Stopwatch.GetElapsedTime(start), due = CanaryTimes.Next(now);
            if (_stop.Wait(due - now)) return;
            late = Stopwatch.GetElapsedTime(start) - due - TimerTolerance;
        }
    }

    private PointerChase? MakeChase(out string reason)
    {
        // Where the kernel has no nodes, or refuses, memory comes from wherever it likes, which is the one node as a
        // rule.
        if (NodeOf(_placement) is { } node) _ = CurrentThread.TakeMemoryFrom(node);
        long bytes = RingBytes(CpuTopology.LastCacheBytes(_placement.Cpus[0]));
        Outcome<PointerChase> made = PointerChase.Create(bytes, RingSeed);
        reason = made.Error?.Message ?? "";
        return made.Value;
    }

    private CanaryReading Measure(PointerChase? chase, string reason, int thread, TimeSpan late)
    {
        _state = IntegerWork.DoPiece(_state); // wakes the core from its sleep, which is no part of the work
        TimeSpan cpuBefore = CurrentThread.CpuTime;
        long start = Stopwatch.GetTimestamp();
        int pieces = _workBudget.Repeats;
        for (int i = 0; i < pieces; i++) _state = IntegerWork.DoPiece(_state);
        TimeSpan work = Stopwatch.GetElapsedTime(start);
        // So short a piece of work is let through at once or not at all: a quota, or a crowd, delays its beginning.
        if (late > TimeSpan.Zero) work += late;
        TimeSpan cpuWork = CurrentThread.CpuTime - cpuBefore;
        _workBudget.Spent(cpuWork);
        double? access = chase is null ? null : Chase(chase);
        TimeSpan cpu = CurrentThread.CpuTime - cpuBefore;
        return new CanaryReading
        {
            At = BootClock.Now,
            WorkNanoseconds = work.TotalNanoseconds / pieces,
            AccessNanoseconds = access,
            AccessReason = reason,
            CpuShare = Math.Min(1, cpuWork / work),
            CpuTime = cpu,
            Sched = SchedStat.OfThread(Environment.ProcessId, thread),
        };
    }

    private double Chase(PointerChase chase)
    {
        double[] rounds = new double[_chaseBudget.Repeats];
        TimeSpan before = CurrentThread.CpuTime;
        foreach (ref double round in rounds.AsSpan())
        {
            long start = Stopwatch.GetTimestamp();
            chase.Follow(StepsPerRound);
            round = Stopwatch.GetElapsedTime(start).TotalNanoseconds / StepsPerRound;
        }

        _chaseBudget.Spent(CurrentThread.CpuTime - before);
        Array.Sort(rounds);
        return rounds[rounds.Length / 2];
    }
}
