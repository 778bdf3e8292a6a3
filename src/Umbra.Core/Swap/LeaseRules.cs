namespace Umbra.Core.Swap;

/// <summary>
/// The numbers that make a lease safe. A primary stops at <c>sent + lease</c> on its own clock, where <c>sent</c> is
/// when it sent the newest request that a witness answered; a witness waits for <see cref="WitnessWait"/> since it last
/// <em>heard</em> a request, which was never before it was sent. So the primary has stopped first, whatever was lost or
/// delayed, as long as no two clocks drift apart by more than <see cref="DriftMax"/> each.
/// All times are of clocks that go on while a host is suspended (Linux: CLOCK_BOOTTIME).
/// </summary>
public static class LeaseRules
{
    /// <summary>
    /// Most that a host's clock gains or loses, as a part of the time: NTP slews by 500 ppm at most, quartz is within
    /// 100 ppm, and this is above their sum.
    /// </summary>
    public const double DriftMax = 0.001;

    /// <summary>From the moment a primary's lease is over until its vCPUs are proven to stand still.</summary>
    public static readonly TimeSpan ReactionMax = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a witness must not have heard of the primary before it may count it as stopped.</summary>
    /// <param name="lease">The longest lease that the primary may be running under.</param>
    public static TimeSpan WitnessWait(TimeSpan lease) => (lease + ReactionMax) * ((1 + DriftMax) / (1 - DriftMax));
}
