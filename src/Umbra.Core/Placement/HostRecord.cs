using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health.Ipmi;

namespace Umbra.Core.Placement;

/// <summary>Everything that the controller must never forget of one host.</summary>
public sealed record HostRecord
{
    /// <summary>Its name.</summary>
    public required HostId Name { get; init; }

    /// <summary>SHA-256 of its public key: another key under the same name is another host.</summary>
    public required string KeyFingerprint { get; init; }

    /// <summary>When it joined, UTC.</summary>
    public required DateTimeOffset Joined { get; init; }

    /// <summary>As its agent last described it; null before its first heartbeat.</summary>
    public HostDescription? Description { get; init; }

    /// <summary>Why nothing new is placed on it; null: it is not cordoned.</summary>
    public string? Cordon { get; init; }

    /// <summary>How its BMC is reached to turn it off; null: it was given none.</summary>
    public BmcAccess? Bmc { get; init; }
}
