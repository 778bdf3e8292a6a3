using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Health;

namespace Umbra.Core.Api;

/// <summary>
/// GET <c>/api/v1/vms/NAME/decision</c>, and the answer to <c>POST .../approve</c>: what is decided about a VM's
/// hardware and what that rests on.
/// </summary>
public sealed record DecisionView
{
    /// <summary>Most health events of each host that are shown.</summary>
    public const int EventsMax = 16;

    /// <summary>The VM.</summary>
    public required VmId Vm { get; init; }

    /// <summary>What is to be done.</summary>
    public required SwapStep Step { get; init; }

    /// <summary>Why, for people; never empty.</summary>
    public required string Reason { get; init; }

    /// <summary>Whether a person's approval holds.</summary>
    public required bool Approved { get; init; }

    /// <summary>Who decides.</summary>
    public required SwapMode Mode { get; init; }

    /// <summary>What speaks against the primary's host.</summary>
    public required HostSuspicion Primary { get; init; }

    /// <summary>What speaks against the shadow's; null: there is none.</summary>
    public HostSuspicion? Shadow { get; init; }

    /// <summary>What the drift watch says; null: nothing is heard of it.</summary>
    public DriftStatus? Drift { get; init; }

    /// <summary>Interval in force.</summary>
    public TimeSpan Interval { get; init; }

    /// <summary>The last minutes, oldest first.</summary>
    public IReadOnlyList<SuspicionMoment> History { get; init; } = [];

    /// <summary>Hosts that came under suspicion of late.</summary>
    public int SuspectedHosts { get; init; }
}

/// <summary>What speaks against one host.</summary>
/// <param name="Host">The host.</param>
/// <param name="Suspicion">Drift and events weighed.</param>
/// <param name="Events">Its last health events, newest first.</param>
public sealed record HostSuspicion(HostId Host, Suspicion Suspicion, IReadOnlyList<HealthEvent> Events);

/// <summary>One moment of a VM's suspicion.</summary>
/// <param name="Ago">How long ago.</param>
/// <param name="Primary">Weight against the primary's host; 1 is a verdict.</param>
/// <param name="Shadow">Weight against the shadow's.</param>
/// <param name="Interval">Sync interval in force.</param>
public sealed record SuspicionMoment(TimeSpan Ago, double Primary, double Shadow, TimeSpan Interval);
