using Umbra.Core.Api;

namespace Umbra.Core.Policy;

/// <summary>How long the controller waits for what. Monotonic time throughout.</summary>
public static class FleetTimes
{
    /// <summary>A host not heard for this long gets nothing new, and its silence is an event.</summary>
    public static readonly TimeSpan HostSilent = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A host not heard for this long loses its shadows to other hosts, where there are any: long enough for a reboot
    /// or an agent's upgrade, after which a resync by hashes is cheaper than a new seed.
    /// </summary>
    public static readonly TimeSpan ShadowMoveAfter = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A swap whose fence is won, whose guest runs, but whose primary never says how it went is called done after this.
    /// </summary>
    public static readonly TimeSpan SwapResultGrace = TimeSpan.FromSeconds(10);

    /// <summary>A takeover that began by itself and failed is tried again after this.</summary>
    public static readonly TimeSpan TakeoverRetry = TimeSpan.FromSeconds(5);

    /// <summary>A swap by suspicion that failed is tried again after this.</summary>
    public static readonly TimeSpan SuspectSwapRetry = TimeSpan.FromSeconds(30);

    /// <summary>An action without a result for this long has failed.</summary>
    public static TimeSpan ActionTimeout(VmActionKind kind) => kind switch
    {
        VmActionKind.TakeoverConsent => TimeSpan.FromSeconds(30),
        VmActionKind.Takeover => TimeSpan.FromMinutes(2),
        _ => TimeSpan.FromMinutes(10),
    };
}
