using Umbra.Core.Basics;

namespace Umbra.Core.Health;

/// <summary>Something that changed with a host's hardware. State that stays as it was makes none.</summary>
public sealed record HealthEvent
{
    /// <summary>Whose hardware.</summary>
    public required HostId Host { get; init; }

    /// <summary>Which part, as its source calls it: <c>DIMMA1 Temp</c>, <c>nvme0</c>, <c>eno1</c>.</summary>
    public required string Component { get; init; }

    /// <summary>What kind of part.</summary>
    public required ComponentKind Kind { get; init; }

    /// <summary>How bad.</summary>
    public required HealthSeverity Severity { get; init; }

    /// <summary>When, UTC: the source's own time where it has one that can be true, else when it was seen.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Reader that it comes from.</summary>
    public required string Source { get; init; }

    /// <summary>For people.</summary>
    public required string Message { get; init; }

    /// <summary>
    /// Whether people were told of it by an earlier agent: it still counts as evidence, and is told to nobody again.
    /// </summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool WasTold { get; init; }
}
