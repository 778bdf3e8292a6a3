namespace Umbra.Agent.Guarding;

/// <summary>
/// Judges whether an agent still moves: it writes another number every <see cref="Interval"/>, and its guard looks.
/// Only
/// time in which the guard itself came to look counts as silence, so that a host that was suspended, or too busy for
/// both, accuses nobody. Pure.
/// </summary>
public sealed class PulseWatch
{
    /// <summary>How often an agent writes.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>How often a guard looks.</summary>
    public static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Silence that makes the guard act: with a look's delay and the cut itself (measured: 7 ms) a guest that waits for
    /// the agent goes on within a second.
    /// </summary>
    public static readonly TimeSpan SilenceMax = TimeSpan.FromMilliseconds(600);

    private long _pulse;
    private TimeSpan _lookedAt;
    private TimeSpan _silence;
    private bool _hasStarted;

    /// <summary>
    /// The guard looks at <paramref name="now"/> and finds <paramref name="pulse"/>. True when it is time to act; while
    /// the silence lasts, again after as long.
    /// </summary>
    public bool IsSilent(long pulse, TimeSpan now)
    {
        TimeSpan passed = now - _lookedAt;
        _lookedAt = now;
        if (!_hasStarted || pulse != _pulse)
        {
            (_hasStarted, _pulse, _silence) = (true, pulse, TimeSpan.Zero);
            return false;
        }

        _silence += passed < LookInterval * 2 ? passed : LookInterval * 2;
        if (_silence < SilenceMax) return false;
        _silence = TimeSpan.Zero;
        return true;
    }
}
