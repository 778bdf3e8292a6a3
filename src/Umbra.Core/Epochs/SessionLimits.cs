using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>Named limits of the sessions: what they buffer, and how long they wait.</summary>
public static class SessionLimits
{
    /// <summary>Pages that one call of <c>Tick</c> copies and encodes at most: 4 MiB, about a millisecond's work.</summary>
    public const int PagesPerStep = 1024;

    /// <summary>Pages that the pause buffer holds: what a barrier copies beyond is encoded inside the pause.</summary>
    public const int PausePages = 8192;

    /// <summary>Most pre-copy rounds before a barrier, beside those that a seed or resync needs.</summary>
    public const int RoundsMax = 4;

    /// <summary>Hash requests under way at once.</summary>
    public const int HashRequestsMax = 4;

    /// <summary>Largest device state, bytes. Real ones are 100 to 300 kB; a machine with many devices some MiB.</summary>
    public const int DeviceStateBytesMax = 64 * Sizes.MiB;

    /// <summary>Largest configuration, bytes.</summary>
    public const int ConfigurationBytesMax = 4 * Sizes.MiB;

    /// <summary>The link is dead when nothing has come over it for this long.</summary>
    public static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The link is dead when an epoch that was sent whole is not acknowledged for this long: beyond any disk's flush.
    /// </summary>
    public static readonly TimeSpan AckMax = TimeSpan.FromSeconds(30);

    /// <summary>A swap's final epoch must be acknowledged within this, or the primary goes on.</summary>
    public static readonly TimeSpan FinalEpochMax = TimeSpan.FromSeconds(3);

    /// <summary>The shadow must run within this after the permit, or the primary claims the VM for itself.</summary>
    public static readonly TimeSpan PermitMax = TimeSpan.FromSeconds(2);

    /// <summary>A claim without a clear answer is asked again after this.</summary>
    public static readonly TimeSpan ClaimRetry = TimeSpan.FromMilliseconds(500);

    /// <summary>A call to the guest that failed is tried again after this.</summary>
    public static readonly TimeSpan GuestRetry = TimeSpan.FromMilliseconds(200);
}
