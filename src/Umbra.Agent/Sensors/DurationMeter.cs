namespace Umbra.Agent.Sensors;

/// <summary>Collects durations between two looks. Thread-safe.</summary>
internal sealed class DurationMeter
{
    private readonly Lock _lock = new();
    private TimeSpan _sum;
    private int _count;

    /// <summary>One more.</summary>
    public void Add(TimeSpan duration)
    {
        lock (_lock)
        {
            _sum += duration;
            _count++;
        }
    }

    /// <summary>Their mean since the last look; null: there was none.</summary>
    public TimeSpan? TakeMean()
    {
        lock (_lock)
        {
            TimeSpan? mean = _count > 0 ? _sum / _count : null;
            (_sum, _count) = (TimeSpan.Zero, 0);
            return mean;
        }
    }
}
