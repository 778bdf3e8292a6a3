namespace Umbra.Core.Health;

/// <summary>An entry of a log that something else keeps: a SEL, a Redfish log service, the kernel's log.</summary>
public sealed record HealthRecord
{
    /// <summary>The same for the same entry each time the log is read, different for another one.</summary>
    public required string Id { get; init; }

    /// <summary>When, by the clock of who wrote it; null: it had none.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>Which part.</summary>
    public required string Component { get; init; }

    /// <summary>What kind of part.</summary>
    public required ComponentKind Kind { get; init; }

    /// <summary>How bad.</summary>
    public required HealthSeverity Severity { get; init; }

    /// <summary>For people.</summary>
    public required string Message { get; init; }

    /// <summary>Whether people were told of it before this process began.</summary>
    public bool WasTold { get; init; }
}
