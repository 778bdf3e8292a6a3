using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;

namespace Umbra.Agent.Health;

/// <summary>
/// Runs the readers, each in a loop of its own, so that one that hangs keeps up nothing else; keeps the newest readings
/// and the last events. Thread-safe.
/// </summary>
public sealed class HealthMonitor : IAsyncDisposable
{
    // A look has its own deadline; who does not keep it is left alone a little later.
    private static readonly TimeSpan DeadlineGrace = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Action<HealthEvent> _tell;
    private readonly ToldLogs? _told;
    private readonly IReadOnlyList<(IHealthReader Reader, ReaderWatch Watch)> _readers;
    private readonly Queue<HealthEvent> _events = new();
    private readonly CancellationTokenSource _stop = new();
    private IReadOnlyList<Task> _loops = [];
    private long _version;

    /// <summary>A monitor of <paramref name="host"/>; it owns the readers.</summary>
    /// <param name="host">Whose hardware it is.</param>
    /// <param name="readers">What is read.</param>
    /// <param name="time">The clock.</param>
    /// <param name="tell">Called with each event, from any thread; must return soon.</param>
    /// <param name="told">What an earlier agent has told of dated logs, and where this one notes it.</param>
    public HealthMonitor(
        HostId host, IReadOnlyList<IHealthReader> readers, TimeProvider time, Action<HealthEvent> tell,
        ToldLogs? told = null)
    {
        Invariant.Holds(readers.Count <= HostHealth.ReadersMax);
        (_time, _tell, _told) = (time, tell, told);
        _readers =
        [
            .. readers.Select(r => (r, new ReaderWatch(
                host, r.Name, r.Period, r.Deadline, r.HasDatedLog ? told?.Of(r.Name) : null))),
        ];
    }

    /// <summary>Changes with every look that ends.</summary>
    public long Version => Interlocked.Read(ref _version);

    /// <summary>Begins to read.</summary>
    public void Start() => _loops = [.. _readers.Select(r => Task.Run(() => RunAsync(r.Reader, r.Watch)))];

    /// <summary>Everything as it is now, within the limits of <see cref="HostHealth"/>.</summary>
    public HostHealth Current()
    {
        lock (_lock)
        {
            DateTimeOffset now = _time.GetUtcNow();
            ReadReading[] readings =
            [
                .. from r in _readers
                   from reading in r.Watch.Readings
                   select new ReadReading(r.Reader.Name, reading),
            ];
            if (readings.Length > HostHealth.ReadingsMax)
                readings = [.. readings.OrderByDescending(static r => r.Reading.Level)];
            return new HostHealth
            {
                Readers = [.. _readers.Select(r => r.Watch.Status(now))],
                Readings = [.. readings.Take(HostHealth.ReadingsMax)],
                Events = [.. _events],
                Omitted = Math.Max(0, readings.Length - HostHealth.ReadingsMax),
            };
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_loops);
        foreach (var (reader, _) in _readers) reader.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(IHealthReader reader, ReaderWatch watch)
    {
        CancellationToken stop = _stop.Token;
        Task<ReadOutcome>? look = null;
        while (!stop.IsCancellationRequested)
        {
            long began = _time.GetTimestamp();
            // A look that was given up may still be going on: another one beside it would only hang as well.
            look ??= Task.Run(() => reader.ReadAsync(stop), stop);
            ReadOutcome outcome = await WaitAsync(reader, look, stop);
            if (stop.IsCancellationRequested) return;
            if (look.IsCompleted) look = null;
            Take(reader, watch, outcome, _time.GetElapsedTime(began));
            await Task.Delay(reader.Period, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<ReadOutcome> WaitAsync(IHealthReader reader, Task<ReadOutcome> look, CancellationToken stop)
    {
        try
        {
            return await look.WaitAsync(reader.Deadline + DeadlineGrace, _time, stop);
        }
        catch (TimeoutException)
        {
            return ReadOutcome.Silent($"no answer within {reader.Deadline.TotalSeconds:0} s");
        }
        catch (OperationCanceledException)
        {
            return ReadOutcome.Silent("the agent stops");
        }
        catch (Exception e)
        {
            // Replication must not end for a sensor's sake, whatever the bug.
            return ReadOutcome.Failed($"a bug of this reader: {e.GetType().Name}: {e.Message}");
        }
    }

    private void Take(IHealthReader reader, ReaderWatch watch, ReadOutcome outcome, TimeSpan took)
    {
        IReadOnlyList<HealthEvent> events;
        lock (_lock)
        {
            events = watch.Ended(outcome, _time.GetUtcNow(), took);
            foreach (HealthEvent happened in events)
            {
                if (_events.Count == HostHealth.EventsMax) _events.Dequeue();
                _events.Enqueue(happened);
            }
        }

        Interlocked.Increment(ref _version);
        foreach (HealthEvent happened in events) _tell(happened);
        // An agent that dies between tells it twice, never not at all.
        if (reader.HasDatedLog && watch.Position is { } position) _told?.Keep(reader.Name, position);
    }
}
