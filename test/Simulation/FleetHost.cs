using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;

namespace Umbra.Simulation;

/// <summary>One host of a simulated fleet: how its hardware really is, and what its sensors make of that.</summary>
internal sealed class FleetHost(HostId id)
{
    public HostId Id => id;

    /// <summary>How bad its hardware is: 0 sound, 1 about to fail.</summary>
    public double Wear { get; private set; }

    /// <summary>By how much it gets worse in a second.</summary>
    public double WearPerSecond { get; set; }

    /// <summary>Its KPIs cannot be measured: nobody knows how it is.</summary>
    public bool SensorsFailed { get; set; }

    /// <summary>What is measured of it goes up and down, so that there are hints that mean nothing.</summary>
    public bool Noisy { get; set; }

    /// <summary>Its agent is not heard before this.</summary>
    public TimeSpan SilentUntil { get; set; }

    /// <summary>When its hardware was last replaced.</summary>
    public TimeSpan RepairedAt { get; private set; } = TimeSpan.MinValue;

    /// <summary>What its hardware's own sensors have told.</summary>
    public List<HealthEvent> Events { get; } = [];

    public HostDescription Description { get; } = new()
    {
        Name = id, Rack = "r-" + id, PowerFeed = "f-" + id, NetworkSegment = "s-" + id, PairEndpoint = id + ":7411",
        MemoryBytes = 64 * Sizes.GiB, Cpus = 32, Accelerators = ["tcg"],
    };

    public void Age(double seconds) => Wear = Math.Min(1, Wear + (WearPerSecond * seconds));

    /// <summary>A person has put new hardware in.</summary>
    public void Repair(TimeSpan now)
    {
        RepairedAt = now;
        (Wear, WearPerSecond, SensorsFailed, Noisy, SilentUntil) = (0, 0, false, false, TimeSpan.Zero);
        Events.Clear();
    }
}
