namespace Umbra.Core.Health;

/// <summary>One value of one part, as last read.</summary>
public sealed record HealthReading
{
    /// <summary>Which part, as its source calls it.</summary>
    public required string Component { get; init; }

    /// <summary>What kind of part.</summary>
    public required ComponentKind Kind { get; init; }

    /// <summary>What was read of it: <c>temperature</c>, <c>speed</c>, <c>state</c>, <c>corrected errors</c>.</summary>
    public required string Quantity { get; init; }

    /// <summary>The number; null when it has none or cannot be read. Always finite.</summary>
    public double? Value { get; init; }

    /// <summary>Unit of <see cref="Value"/>: <c>C</c>, <c>RPM</c>, <c>V</c>, <c>W</c>; empty: a count.</summary>
    public string Unit { get; init; } = "";

    /// <summary>How well it is.</summary>
    public HealthLevel Level { get; init; }

    /// <summary>What its source says in words; may be empty.</summary>
    public string Detail { get; init; } = "";

    /// <summary>A count that only rises: what a rise says. Null: the value may go up and down.</summary>
    public HealthSeverity? Rise { get; init; }
}
