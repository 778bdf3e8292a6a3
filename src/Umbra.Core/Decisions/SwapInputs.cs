using Umbra.Core.Api;

namespace Umbra.Core.Decisions;

/// <summary>Everything that the decision about one VM rests on.</summary>
public sealed record SwapInputs
{
    /// <summary>Who decides.</summary>
    public required SwapMode Mode { get; init; }

    /// <summary>What speaks against the primary's hardware.</summary>
    public required Suspicion Primary { get; init; }

    /// <summary>What speaks against the shadow's.</summary>
    public required Suspicion Shadow { get; init; }

    /// <summary>
    /// Why the VM cannot be swapped at all at present (no shadow, host unheard, cordoned); null: it can.
    /// </summary>
    public string? Obstacle { get; init; }

    /// <summary>
    /// What was held against the primary's host when it was last heard, if that is a while ago and it was
    /// <see cref="DecisionLimits.SilenceWeight"/> or more; null: it is heard, or little spoke against it.
    /// </summary>
    public Suspicion? LastWord { get; init; }

    /// <summary>
    /// With <see cref="LastWord"/>: what a takeover by itself waits for; null: the policy leaves it to a person.
    /// </summary>
    public string? TakeoverWaitsFor { get; init; }

    /// <summary>
    /// Whether <see cref="Obstacle"/> is one that epochs and a moment's patience remove: a shadow that is being seeded,
    /// a standby that is being started.
    /// </summary>
    public bool ObstaclePasses { get; init; }

    /// <summary>Age of the newest epoch that the shadow holds.</summary>
    public TimeSpan Lag { get; init; }

    /// <summary>Longest time between epochs that the policy allows.</summary>
    public required TimeSpan IntervalMax { get; init; }

    /// <summary>Since the VM was last moved by suspicion; null: never.</summary>
    public TimeSpan? SinceLastSwap { get; init; }

    /// <summary>Whether a person has approved this move.</summary>
    public bool Approved { get; init; }

    /// <summary>Swaps by suspicion under way in the fleet.</summary>
    public int SwapsUnderWay { get; init; }

    /// <summary>
    /// Hosts that came under suspicion within <see cref="DecisionLimits.StormWindow"/> of this VM's, it included.
    /// </summary>
    public int SuspectedHosts { get; init; }

    /// <summary>Hosts of the fleet that are heard.</summary>
    public int FleetHosts { get; init; }
}
