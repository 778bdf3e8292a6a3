namespace Umbra.Core.Sensors;

/// <summary>What a sensor says of one KPI: a value, or that it is unknown and why. Unknown is never zero.</summary>
public sealed record KpiSample
{
    /// <summary>Longest reason, characters; longer ones are cut.</summary>
    public const int ReasonLengthMax = 100;

    /// <summary>Which one.</summary>
    public required string Kpi { get; init; }

    /// <summary>Its value in <see cref="KpiNames.Unit"/>; null: unknown.</summary>
    public double? Value { get; init; }

    /// <summary>Why it is unknown; empty when it is known.</summary>
    public string Reason { get; init; } = "";

    /// <summary>How long its sensor took.</summary>
    public TimeSpan Took { get; init; }

    /// <summary>A value. What no number can say (0 / 0) is unknown.</summary>
    public static KpiSample Of(string kpi, double value) =>
        double.IsFinite(value)
            ? new KpiSample { Kpi = kpi, Value = value }
            : Unknown(kpi, "its value is no number");

    /// <summary>No value.</summary>
    /// <param name="kpi">Which one.</param>
    /// <param name="reason">Why, for people.</param>
    public static KpiSample Unknown(string kpi, string reason)
    {
        string cut = reason.Length <= ReasonLengthMax ? reason : reason[..ReasonLengthMax];
        return new KpiSample { Kpi = kpi, Reason = cut.Length > 0 ? cut : "its sensor gave no reason" };
    }
}

/// <summary>All KPIs of one host about one VM at one moment.</summary>
/// <param name="At">When, on the clock of the host that measured.</param>
/// <param name="Samples">One for each KPI that the host measures.</param>
public sealed record KpiSet(TimeSpan At, IReadOnlyList<KpiSample> Samples)
{
    /// <summary>Most samples in a set.</summary>
    public const int SamplesMax = 24;
}
