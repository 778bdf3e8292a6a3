namespace Umbra.Core.Health;

/// <summary>One reader, as it is now.</summary>
public sealed record ReaderStatus
{
    /// <summary>Its name: <c>ipmi</c>, <c>redfish</c>, <c>smart</c>, <c>edac</c> ...</summary>
    public required string Name { get; init; }

    /// <summary>Whether its readings can be believed.</summary>
    public required ReaderState State { get; init; }

    /// <summary>Why, for people; never empty.</summary>
    public required string Reason { get; init; }

    /// <summary>When it last brought readings, UTC; null: never.</summary>
    public DateTimeOffset? LastRead { get; init; }

    /// <summary>How long its last look took.</summary>
    public TimeSpan Took { get; init; }
}
