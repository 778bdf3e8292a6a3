using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Policy;

/// <summary>What a protection policy must keep to.</summary>
public static class PolicyRules
{
    /// <summary>Shortest interval.</summary>
    public static readonly TimeSpan IntervalMin = TimeSpan.FromMilliseconds(25);

    /// <summary>Longest interval.</summary>
    public static readonly TimeSpan IntervalMax = TimeSpan.FromHours(1);

    /// <summary>Smallest pause budget.</summary>
    public static readonly TimeSpan PauseBudgetMin = TimeSpan.FromMilliseconds(1);

    /// <summary>Largest pause budget.</summary>
    public static readonly TimeSpan PauseBudgetMax = TimeSpan.FromSeconds(10);

    /// <summary>Shortest lease: below it an agent's ordinary hiccup would pause VMs.</summary>
    public static readonly TimeSpan LeaseMin = TimeSpan.FromSeconds(1);

    /// <summary>Longest lease.</summary>
    public static readonly TimeSpan LeaseMax = TimeSpan.FromHours(1);

    /// <summary>
    /// Smallest log of disk writes that a full copy can be held back in time for. A good one holds several seconds of
    /// writes.
    /// </summary>
    public const long DiskLogBytesMin = 16L * Sizes.MiB;

    /// <summary>Most verified epochs kept besides the newest.</summary>
    public const int KnownGoodEpochsMax = 16;

    /// <summary>Everything that is wrong with the policy, for people; empty: nothing.</summary>
    public static IReadOnlyList<string> Check(ProtectionPolicy policy)
    {
        var errors = new List<string>();
        CheckTime(errors, "the interval", policy.Interval, IntervalMin, IntervalMax);
        CheckTime(errors, "the shortest interval", policy.IntervalMin, IntervalMin, IntervalMax);
        CheckTime(errors, "the longest interval", policy.IntervalMax, IntervalMin, IntervalMax);
        if (policy.IntervalMax < policy.Interval) errors.Add("the longest interval must not be below the interval");
        CheckTime(errors, "the pause budget", policy.PauseBudget, PauseBudgetMin, PauseBudgetMax);
        CheckTime(errors, "the lease", policy.Lease, LeaseMin, LeaseMax);
        CheckBytes(errors, "the lower threshold", policy.ThresholdLowBytes, 0);
        CheckBytes(errors, "the reference cache", policy.ReferenceCacheBytes, 0);
        CheckBytes(errors, "the disk log", policy.DiskLogBytes, DiskLogBytesMin);
        CheckBytes(errors, "the resync rate", policy.ResyncBytesPerSecond, 0);
        if (policy.KnownGoodEpochs is < 0 or > KnownGoodEpochsMax)
            errors.Add($"known good epochs must be 0 to {KnownGoodEpochsMax}, not {policy.KnownGoodEpochs}");
        return errors;
    }

    private static void CheckTime(List<string> errors, string what, TimeSpan value, TimeSpan min, TimeSpan max)
    {
        if (value < min || value > max)
        {
            errors.Add(
                $"{what} must be {min.TotalMilliseconds:0} ms to {max.TotalSeconds:0} s, "
                + $"not {value.TotalMilliseconds:0.###} ms");
        }

    }

    private static void CheckBytes(List<string> errors, string what, long value, long min)
    {
        if (value < min || value > Sizes.GiB * 1024)
            errors.Add($"{what} must be {ByteText.Of(min)} to 1 TiB, not {ByteText.Of(value)}");
    }
}
