using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Sensors;

namespace Umbra.Agent.Sensors;

/// <summary>
/// Asks all sensors of one VM once a second, side by side, and hands on what they say. Nothing is measured because
/// somebody looks: who asks gets the newest set.
/// </summary>
public sealed class KpiSampler : IAsyncDisposable
{
    /// <summary>Time between sets.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>A sensor that has not answered by then is unknown in this set.</summary>
    public static readonly TimeSpan SensorDeadline = TimeSpan.FromMilliseconds(500);

    private readonly IReadOnlyList<ISensor> _sensors;
    private readonly TimeProvider _time;
    private readonly Func<TimeSpan> _clock;
    private readonly Action<KpiSet> _taken;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private volatile KpiSet? _latest;

    /// <summary>Begins at once.</summary>
    /// <param name="sensors">Let go of at the end, where they can be.</param>
    /// <param name="time">Beats the seconds and measures the sensors.</param>
    /// <param name="clock">The host's monotonic clock, which dates the sets.</param>
    /// <param name="taken">Gets each set; quick, and never at the same time twice.</param>
    public KpiSampler(
        IReadOnlyList<ISensor> sensors, TimeProvider time, Func<TimeSpan> clock, Action<KpiSet> taken)
    {
        Invariant.Holds(sensors.Sum(s => s.Kpis.Count) <= KpiSet.SamplesMax, "KPIs within a set's limit");
        (_sensors, _time, _clock, _taken) = (sensors, time, clock, taken);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>The newest set; null in the first second.</summary>
    public KpiSet? Latest => _latest;

    /// <summary>The newest set as the controller is to know it.</summary>
    public KpiStatus Status => _latest is { } set
        ? new KpiStatus { Here = set.Samples, Age = _clock() - set.At }
        : new KpiStatus();

    /// <summary>Stops; a sensor that hangs is not waited for.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        foreach (IDisposable sensor in _sensors.OfType<IDisposable>()) sensor.Dispose();
    }

    private async Task RunAsync()
    {
        SensorSlot[] slots = [.. _sensors.Select(sensor => new SensorSlot(sensor, SensorDeadline, _time))];
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            do
            {
                TimeSpan now = _clock();
                IReadOnlyList<KpiSample>[] samples =
                    await Task.WhenAll(slots.Select(slot => slot.ReadAsync(now, _stop.Token)));
                var set = new KpiSet(now, [.. samples.SelectMany(s => s).OrderBy(s => Place(s.Kpi))]);
                _latest = set;
                _taken(set);
            }
            while (await timer.WaitForNextTickAsync(_stop.Token));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Nobody wants to know any more.
        }
        catch (Exception e)
        {
            // What is not one of the failures a sensor may have is a bug. Guests outlive the agent.
            Environment.FailFast("the KPI sampler ended", e);
        }
    }

    private static int Place(string kpi)
    {
        for (int i = 0; i < KpiNames.All.Count; i++)
        {
            if (KpiNames.All[i] == kpi) return i;
        }

        return KpiNames.All.Count;
    }
}
