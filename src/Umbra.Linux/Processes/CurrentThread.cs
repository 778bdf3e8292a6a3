using Umbra.Core.Basics;
using Umbra.Linux.Interop;
using Umbra.Linux.ProcFs;

namespace Umbra.Linux.Processes;

/// <summary>
/// The calling thread as the kernel sees it. Only for threads of one's own (<see cref="Thread"/>): what is set stays.
/// </summary>
public static unsafe class CurrentThread
{
    private const int ThreadCpuTimeClock = 3, PolicyBind = 2, BitsPerWord = 64;
    private const int Words = NumberList.NumberMax / BitsPerWord;

    /// <summary>The kernel's id of the thread.</summary>
    public static int Id => (int)Sys.Call(Sys.Gettid);

    /// <summary>CPU time that the thread has used.</summary>
    public static TimeSpan CpuTime
    {
        get
        {
            long* time = stackalloc long[2];
            nint result = Sys.Call(Sys.ClockGettime, ThreadCpuTimeClock, (nint)time);
            Invariant.Holds(result == 0, "CLOCK_THREAD_CPUTIME_ID is there since Linux 2.6.12");
            return new TimeSpan((time[0] * TimeSpan.TicksPerSecond) + (time[1] / TimeSpan.NanosecondsPerTick));
        }
    }

    /// <summary>
    /// Lets the thread run on these CPUs alone (man 2 sched_setaffinity). EINVAL: its control group allows none of
    /// them.
    /// </summary>
    public static SystemError? RunOn(IReadOnlyList<int> cpus)
    {
        ulong* mask = stackalloc ulong[Words];
        SetBits(mask, cpus);
        nint result = Sys.Call(Sys.SchedSetaffinity, 0, NumberList.NumberMax / 8, (nint)mask);
        return result < 0 ? SystemError.Last("sched_setaffinity", NumberList.Format(cpus)) : null;
    }

    /// <summary>
    /// What the thread touches first is taken from this memory node alone from now on (man 2 set_mempolicy). ENOSYS: a
    /// kernel without nodes.
    /// </summary>
    public static SystemError? TakeMemoryFrom(int node)
    {
        ulong* mask = stackalloc ulong[Words];
        SetBits(mask, [node]);
        nint result = Sys.Call(Sys.SetMempolicy, PolicyBind, (nint)mask, NumberList.NumberMax);
        return result < 0 ? SystemError.Last("set_mempolicy", $"node {node}") : null;
    }

    private static void SetBits(ulong* mask, IReadOnlyList<int> numbers)
    {
        new Span<ulong>(mask, Words).Clear();
        foreach (int number in numbers)
        {
            Invariant.Holds(number is >= 0 and < NumberList.NumberMax, "a CPU or node that a list can hold");
            mask[number / BitsPerWord] |= 1UL << (number % BitsPerWord);
        }
    }
}
