namespace Umbra.Core.Sensors;

/// <summary>
/// Puts times of another host's monotonic clock onto this host's. What comes from there has been under way for an
/// unknown time that is never negative: the smallest difference seen lately is the truest one. Off by one-way latency
/// at its best moment; the clocks' drift is followed because old differences are forgotten.
/// </summary>
public sealed class ClockOffset
{
    /// <summary>Messages that the smallest difference is sought in.</summary>
    public const int Window = 64;

    private readonly TimeSpan[] _differences = new TimeSpan[Window];
    private int _count;

    /// <summary>
    /// Notes a message that was sent at <paramref name="theirs"/> on the other clock and came at
    /// <paramref name="ours"/> on this one; the time of sending on this one.
    /// </summary>
    public TimeSpan Map(TimeSpan theirs, TimeSpan ours)
    {
        _differences[_count++ % Window] = ours - theirs;
        TimeSpan smallest = ours - theirs;
        for (int i = 0; i < Math.Min(_count, Window); i++)
        {
            if (_differences[i] < smallest) smallest = _differences[i];
        }

        return theirs + smallest;
    }

    /// <summary>The other clock may be another one from now on.</summary>
    public void Forget() => _count = 0;
}
