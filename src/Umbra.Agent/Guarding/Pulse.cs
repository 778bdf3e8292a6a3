using Umbra.Linux.Machine;

namespace Umbra.Agent.Guarding;

/// <summary>
/// Writes this process's pulse from a thread that does nothing else, so that only a process that stands still misses
/// one.
/// </summary>
internal sealed class Pulse : IDisposable
{
    private readonly PulseFile _file;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    /// <summary>Begins to write into the file at <paramref name="path"/>.</summary>
    public Pulse(string path)
    {
        _file = new PulseFile(path) { Value = BootClock.Now.Ticks };
        _thread = new Thread(Beat) { IsBackground = true, Name = "pulse", Priority = ThreadPriority.Highest };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
        _file.Dispose();
    }

    private void Beat()
    {
        while (!_stop.Wait(PulseWatch.Interval)) _file.Value = BootClock.Now.Ticks;
    }
}
