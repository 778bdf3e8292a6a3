namespace Umbra.Core.Decisions;

/// <summary>The bounds within which VMs are moved off suspected hardware without a person.</summary>
public static class DecisionLimits
{
    /// <summary>
    /// Weight of suspicion from which a VM is moved: a drift verdict, or hardware evidence that equals it.
    /// </summary>
    public const double SwapWeight = 1;

    /// <summary>Weight from which epochs come faster, a hint apart.</summary>
    public const double WatchWeight = 0.5;

    /// <summary>
    /// Weight of suspicion from which a host's silence is told as more than silence: nearly a verdict, which it cannot
    /// be moved by any more.
    /// </summary>
    public const double SilenceWeight = 0.8;

    /// <summary>
    /// A host is no better than the one to be left when its own suspicion has this share of the other's. Weights go by
    /// the logarithm of evidence: a fifth less of a verdict is many times less likely by chance.
    /// </summary>
    public const double NoBetterShare = 0.8;

    /// <summary>
    /// A shadow whose newest epoch is older than so many of the policy's maximum intervals is not fresh.
    /// </summary>
    public const double StaleIntervals = 2;

    /// <summary>
    /// A VM that was just moved by suspicion is not moved by it again for this long: its new baseline is not learnt
    /// yet, and two hosts that suspect each other in turn would throw it to and fro.
    /// </summary>
    public static readonly TimeSpan CoolDown = TimeSpan.FromMinutes(10);

    /// <summary>Swaps by suspicion under way at once in the fleet.</summary>
    public const int SwapsAtOnceMax = 4;

    /// <summary>Suspicions that arise within this time of each other may have one cause.</summary>
    public static readonly TimeSpan StormWindow = TimeSpan.FromMinutes(5);

    /// <summary>
    /// So many hosts suspected within the window look like a shared cause (power, cooling, the network, a bad update)
    /// in a small fleet; see <see cref="StormShare"/>.
    /// </summary>
    public const int StormHostsMin = 3;

    /// <summary>In a large fleet it takes this share of its hosts.</summary>
    public const double StormShare = 0.1;

    /// <summary>Hosts suspected at once, in a fleet of so many, from which a shared cause is assumed.</summary>
    public static int StormHosts(int fleet) => Math.Max(StormHostsMin, (int)Math.Ceiling(fleet * StormShare));
}
