using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;
using Umbra.Core.Swap;

namespace Umbra.Core.Placement;

/// <summary>A host with what is known of it at the moment. Mutable; part of one <see cref="FleetState"/>.</summary>
public sealed class HostState
{
    private static readonly Dictionary<VmId, VmStatus> NoVms = [];

    private TimeSpan _reportedAt;

    /// <summary>A host not heard yet by a controller that started at <paramref name="start"/>.</summary>
    public HostState(HostRecord record, TimeSpan start)
    {
        Record = record;
        Clock = new WitnessClock(start);
    }

    /// <summary>What is never forgotten of it.</summary>
    public HostRecord Record { get; set; }

    /// <summary>When its agent was last heard.</summary>
    public WitnessClock Clock { get; }

    /// <summary>Whether its agent was heard at all since the controller started.</summary>
    public bool Heard { get; private set; }

    /// <summary>What its agent last said of its VMs.</summary>
    public IReadOnlyDictionary<VmId, VmStatus> Vms { get; private set; } = NoVms;

    /// <summary>Its hardware as its agent last told; null: it has told nothing yet.</summary>
    public HostHealth? Health { get; private set; }

    /// <summary>When <see cref="Health"/> was told, on the fleet's clock.</summary>
    public TimeSpan HealthAt { get; private set; }

    /// <summary>Its name.</summary>
    public HostId Name => Record.Name;

    /// <summary>Its agent has reported.</summary>
    public void Report(TimeSpan now, IReadOnlyDictionary<VmId, VmStatus> vms)
    {
        Clock.Heard(now);
        Heard = true;
        _reportedAt = now;
        Vms = vms;
    }

    /// <summary>Its agent has told of its hardware.</summary>
    public void Report(TimeSpan now, HostHealth health) => (Health, HealthAt) = (health, now);

    /// <summary>
    /// Whether something may be placed on it, as far as its silence goes, and <see cref="Vms"/> are of now: a message
    /// that came late shows that the host lived, but not what it has.
    /// </summary>
    public bool IsAlive(TimeSpan now) => Heard && now - _reportedAt < FleetTimes.HostSilent;
}
