namespace Umbra.Core.Health;

/// <summary>What one look of one reader brought, or why it brought nothing.</summary>
/// <param name="Readings">Values, each component and quantity once.</param>
/// <param name="Records">Log entries, in the order of the log.</param>
/// <param name="Error">Null: it could be read. Else why not, for people; then there is nothing else.</param>
public sealed record HealthReport(
    IReadOnlyList<HealthReading> Readings, IReadOnlyList<HealthRecord> Records, string? Error)
{
    /// <summary>Part of it could not be read: what is missing here need not be gone.</summary>
    public bool IsPartial { get; init; }

    /// <summary>What could not be read, for people; empty: nothing.</summary>
    public string Note { get; init; } = "";

    /// <summary>A report that says only why there is none.</summary>
    public static HealthReport Failed(string error) => new([], [], HealthText.Clean(error));
}
