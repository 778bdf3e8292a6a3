namespace Umbra.Core.Frequency;

/// <summary>
/// The rate at which a host is taken to fail, from what speaks against it. It is no forecast but the price that is put
/// on losing what was not synced: nobody knows how long a part lasts that has begun to go, so a hint is treated as if
/// the end were seconds away, and a verdict as if it were now.
/// </summary>
public static class HazardModel
{
    /// <summary>Mean time between failures of a host that nothing speaks against: three years.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromDays(3 * 365);

    /// <summary>The same once drift is hinted at, or hardware events have half the weight of a verdict.</summary>
    public static readonly TimeSpan Hinted = TimeSpan.FromSeconds(4);

    /// <summary>The same at a verdict.</summary>
    public static readonly TimeSpan Verdict = TimeSpan.FromSeconds(0.5);

    /// <summary>Weight of a hint on the scale of suspicion, where a verdict has 1.</summary>
    public const double HintWeight = 0.5;

    /// <summary>Failures a second at the weight of suspicion; between the named points in equal ratios.</summary>
    public static double RateOf(double weight)
    {
        double quiet = 1 / Quiet.TotalSeconds, hinted = 1 / Hinted.TotalSeconds, verdict = 1 / Verdict.TotalSeconds;
        double at = Math.Clamp(weight, 0, 1);
        return at <= HintWeight
            ? Between(quiet, hinted, at / HintWeight)
            : Between(hinted, verdict, (at - HintWeight) / (1 - HintWeight));
    }

    private static double Between(double low, double high, double share) => low * Math.Pow(high / low, share);
}
