using Umbra.Core.Basics;
using Umbra.Core.Health;

namespace Umbra.Core.Api;

/// <summary>A host's hardware as its agent sees it; a part of heartbeats, when something is new.</summary>
public sealed record HostHealth
{
    /// <summary>Most readings of one host that are told; the worst first, so that none of those is left out.</summary>
    public const int ReadingsMax = 512;

    /// <summary>Most events kept and told of one host, the last ones.</summary>
    public const int EventsMax = 64;

    /// <summary>Most readers of one host.</summary>
    public const int ReadersMax = 16;

    /// <summary>The readers; empty: health is turned off there.</summary>
    public IReadOnlyList<ReaderStatus> Readers { get; init; } = [];

    /// <summary>The newest readings.</summary>
    public IReadOnlyList<ReadReading> Readings { get; init; } = [];

    /// <summary>The last events, oldest first.</summary>
    public IReadOnlyList<HealthEvent> Events { get; init; } = [];

    /// <summary>Readings that were left out.</summary>
    public int Omitted { get; init; }
}

/// <summary>A reading and the reader that it comes from.</summary>
public sealed record ReadReading(string Reader, HealthReading Reading);

/// <summary>GET <c>/api/v1/hosts/NAME/health</c>.</summary>
public sealed record HostHealthView
{
    /// <summary>The host.</summary>
    public required HostId Host { get; init; }

    /// <summary>As last told; null: its agent has told nothing since the controller started.</summary>
    public HostHealth? Health { get; init; }

    /// <summary>How long ago that was told.</summary>
    public TimeSpan Age { get; init; }

    /// <summary>Address of the BMC by which the controller can turn the host off; null: it was given none.</summary>
    public string? Bmc { get; init; }
}
