using Umbra.Linux;
using Umbra.Linux.Files;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Sensors;

/// <summary>What a filesystem took in one second.</summary>
/// <param name="At">When it was measured, on the host's monotonic clock.</param>
/// <param name="Latency">Mean of a write and a read of 4 KiB past the page cache.</param>
/// <param name="Flush">Making the write durable.</param>
public sealed record DiskReading(TimeSpan At, TimeSpan Latency, TimeSpan Flush);

/// <summary>
/// Writes, flushes and reads a small file of a directory once a second, past the page cache. On a thread of its own: a
/// sick disk keeps it for as long as it likes, and the reading is that long, once it comes.
/// </summary>
public sealed class DiskCanary : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>A directory that does not allow it may do so later.</summary>
    private static readonly TimeSpan OpenRetry = TimeSpan.FromSeconds(10);

    private readonly string _path;
    private readonly ManualResetEventSlim _stop = new();
    private volatile DiskReading? _latest;
    private volatile string _trouble = "the canary is being started";

    /// <summary>Begins at once.</summary>
    /// <param name="path">The file, which is made, and removed at the end.</param>
    public DiskCanary(string path)
    {
        _path = path;
        new Thread(Run) { IsBackground = true, Name = "disk canary" }.Start();
    }

    /// <summary>The newest reading; null before the first.</summary>
    public DiskReading? Latest => _latest;

    /// <summary>Why there is no new reading; empty while there is.</summary>
    public string Trouble => _trouble;

    /// <summary>Stops after the second that is under way.</summary>
    public void Dispose() => _stop.Set();

    private void Run()
    {
        while (!_stop.IsSet)
        {
            Outcome<DirectProbe> made = DirectProbe.Create(_path);
            _trouble = made.Error?.Message ?? "";
            if (made.IsOk)
            {
                using (made.Value) Run(made.Value);
            }

            _stop.Wait(OpenRetry);
        }
    }

    private void Run(DirectProbe probe)
    {
        do
        {
            Outcome<DirectTimes> ran = probe.Run();
            _trouble = ran.Error?.Message ?? "";
            if (!ran.IsOk) return;
            _latest = new DiskReading(BootClock.Now, (ran.Value.Write + ran.Value.Read) / 2, ran.Value.Flush);
        }
        while (!_stop.Wait(Interval));
    }
}
