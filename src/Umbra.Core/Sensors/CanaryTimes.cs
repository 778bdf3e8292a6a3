namespace Umbra.Core.Sensors;

/// <summary>
/// When a canary looks: once a second, each time at another part of the tenth that follows the full second. A control
/// group's CPU quota is given anew every 100 ms as a rule; looks a whole second apart would all meet the same part of
/// that period, which may be the one in which there is still time to be had.
/// </summary>
public static class CanaryTimes
{
    /// <summary>Mean time between looks; each differs from it by less than <see cref="Spread"/>.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>The looks are spread over so much, the usual period of a CPU quota.</summary>
    public static readonly TimeSpan Spread = TimeSpan.FromMilliseconds(100);

    // Multiples of it, less their whole part, fill 0 to 1 most evenly from the first few on (Weyl; Knuth 6.4).
    private const double GoldenPart = 0.6180339887498949;

    /// <summary>When the next look is due.</summary>
    /// <param name="elapsed">Now; both times are since the canary began.</param>
    public static TimeSpan Next(TimeSpan elapsed)
    {
        long look = (elapsed.Ticks / Interval.Ticks) + 1;
        return (look * Interval) + (look * GoldenPart % 1 * Spread);
    }
}
