using System.Net;
using Umbra.Agent.Health;
using Umbra.Core.Basics;
using Umbra.Core.Drift;
using Umbra.Linux.Tracking;

namespace Umbra.Agent;

/// <summary>What an agent is told at start: who it is, where it stands, where it keeps its things.</summary>
public sealed record AgentOptions
{
    /// <summary>Default port of the pair listener.</summary>
    public const int PairPortDefault = 7411;

    /// <summary>The host's name in the fleet.</summary>
    public required HostId Name { get; init; }

    /// <summary>Rack it stands in.</summary>
    public required string Rack { get; init; }

    /// <summary>Power feed it hangs on.</summary>
    public required string PowerFeed { get; init; }

    /// <summary>Network segment it is wired to.</summary>
    public required string NetworkSegment { get; init; }

    /// <summary>Where pair connections are taken.</summary>
    public required IPEndPoint ListenEndpoint { get; init; }

    /// <summary>Where other agents find the pair listener, <c>address:port</c>; null: the listen endpoint.</summary>
    public string? AdvertiseEndpoint { get; init; }

    /// <summary>
    /// Directory of everything that must outlive the process and the host's power: identity, state, disks.
    /// </summary>
    public required string StateDirectory { get; init; }

    /// <summary>Directory on a tmpfs for guest RAM; null: <c>/dev/shm/umbra-NAME</c>.</summary>
    public string? MemoryDirectory { get; init; }

    /// <summary>Join token; needed once, until the state directory holds a certificate.</summary>
    public string? JoinToken { get; init; }

    /// <summary>Memory given to VMs and shadows, bytes; 0: three quarters of the machine's.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>How written pages of VMs are found.</summary>
    public TrackerChoice Tracker { get; init; }

    /// <summary>Seconds from which a pair's drift baseline is learnt.</summary>
    public int DriftCalibration { get; init; } = LiveDrift.CalibrationDefault;

    /// <summary>CPUs offered; 0: all.</summary>
    public int Cpus { get; init; }

    /// <summary>What is read of the host's hardware.</summary>
    public HealthOptions Health { get; init; } = new();
}
