using System.Diagnostics;
using Umbra.Linux.ProcFs;

namespace Umbra.Linux.Processes;

/// <summary>
/// Takes the times of what the calling thread does, less what it was ready and not let run meanwhile: no disk is slow
/// because whoever asked it has no CPU. Where the kernel does not count that, nothing is taken off.
/// </summary>
internal struct DutyClock
{
    private readonly int _thread;
    private ulong? _waited;
    private long _start;

    /// <summary>Begins.</summary>
    public DutyClock()
    {
        _thread = CurrentThread.Id;
        _waited = Waited();
        _start = Stopwatch.GetTimestamp();
    }

    /// <summary>The time since the last lap, or the beginning; never negative.</summary>
    public TimeSpan Lap()
    {
        TimeSpan time = Stopwatch.GetElapsedTime(_start);
        ulong? before = _waited;
        _waited = Waited();
        TimeSpan waited = _waited > before
            ? TimeSpan.FromMicroseconds((_waited.Value - before.Value) / 1000.0)
            : TimeSpan.Zero;
        _start = Stopwatch.GetTimestamp();
        return time > waited ? time - waited : TimeSpan.Zero;
    }

    private readonly ulong? Waited() => SchedStat.OfThread(Environment.ProcessId, _thread)?.WaitNanoseconds;
}
