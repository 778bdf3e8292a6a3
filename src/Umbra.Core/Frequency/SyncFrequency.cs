using System.Globalization;
using Umbra.Core.Api;

namespace Umbra.Core.Frequency;

/// <summary>
/// How long to wait between epochs. The interval that loses least is <c>sqrt(2 C / lambda)</c> for a cost C of each
/// sync and a hazard rate lambda (Young 1974, Daly 2006), within the policy's bounds. It shrinks at once when something
/// speaks against the primary's hardware, and grows back slowly once that is over.
/// </summary>
public sealed class SyncFrequency
{
    /// <summary>After this long without anything new the interval begins to grow back.</summary>
    public static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(30);

    /// <summary>It grows by <see cref="GrowthFactor"/> at most once in this time.</summary>
    public static readonly TimeSpan GrowthStep = TimeSpan.FromSeconds(5);

    /// <summary>How much it grows at a step.</summary>
    public const double GrowthFactor = 1.25;

    /// <summary>Cost of a sync before the first one was measured.</summary>
    public static readonly TimeSpan CostDefault = TimeSpan.FromMilliseconds(10);

    /// <summary>The guest may stand still for this share of the time, however urgent it is.</summary>
    public const double PauseShareMax = 0.2;

    // Changes smaller than this are not worth a word.
    private const double TellRatio = 1.2;

    private TimeSpan _told;
    private TimeSpan _shrunkAt;
    private TimeSpan _grownAt;

    /// <summary>Starts at the policy's own interval.</summary>
    public SyncFrequency(ProtectionPolicy policy) => Interval = _told = policy.Interval;

    /// <summary>The interval in force.</summary>
    public TimeSpan Interval { get; private set; }

    /// <summary>Why it is that, for people.</summary>
    public string Reason { get; private set; } = "nothing speaks against the hardware";

    /// <summary>Looks at the evidence anew.</summary>
    /// <param name="policy">Bounds.</param>
    /// <param name="weight">Suspicion of the primary's hardware, 1 at a verdict.</param>
    /// <param name="why">What it rests on, for people.</param>
    /// <param name="cost">Mean pause of the last epochs; zero: not known yet.</param>
    /// <param name="now">Monotonic.</param>
    /// <returns>Whether it changed by enough to tell.</returns>
    public bool Update(ProtectionPolicy policy, double weight, string why, TimeSpan cost, TimeSpan now)
    {
        var best = Best(policy, weight, cost);
        if (best < Interval)
        {
            (Interval, _shrunkAt) = (best, now);
        }
        else if (best > Interval && now - _shrunkAt >= QuietTime && now - _grownAt >= GrowthStep)
        {
            (Interval, _grownAt) = (Min(best, Interval * GrowthFactor), now);
        }

        // Still as urgent: the quiet begins when it ends.
        if (best <= Interval && best < policy.Interval) _shrunkAt = now;
        Interval = Min(Interval, policy.Interval);
        return Tell(policy, weight, why);
    }

    /// <summary>The interval that loses least, within the policy's bounds.</summary>
    public static TimeSpan Best(ProtectionPolicy policy, double weight, TimeSpan cost)
    {
        double seconds = (cost > TimeSpan.Zero ? cost : CostDefault).TotalSeconds;
        double least = Math.Sqrt(2 * seconds / HazardModel.RateOf(weight));
        double floor = Math.Max(policy.IntervalMin.TotalSeconds, seconds / PauseShareMax);
        double most = policy.Interval.TotalSeconds;
        return TimeSpan.FromSeconds(Math.Min(most, Math.Max(floor, least)));
    }

    private bool Tell(ProtectionPolicy policy, double weight, string why)
    {
        bool isQuiet = Interval == policy.Interval;
        Reason = isQuiet ? "nothing speaks against the hardware"
            : weight > 0 ? string.Create(CultureInfo.InvariantCulture, $"suspicion {weight:0.00}: {why}")
            : "the suspicion is over, it grows back slowly";
        double ratio = Interval / _told;
        bool back = isQuiet && _told != Interval;
        if (!back && ratio is < TellRatio and > 1 / TellRatio) return false;
        _told = Interval;
        return true;
    }

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
