namespace Umbra.Core.Health;

/// <summary>How one look of a reader ended.</summary>
/// <param name="Report">What it brought; null: the source was silent until the deadline.</param>
/// <param name="Silence">What was silent and for how long, for people; empty when there is a report.</param>
public sealed record ReadOutcome(HealthReport? Report, string Silence)
{
    /// <summary>There is a report, be it only of an error.</summary>
    public static ReadOutcome Of(HealthReport report) => new(report, "");

    /// <summary>The source answered, but with nothing of use.</summary>
    public static ReadOutcome Failed(string error) => new(HealthReport.Failed(error), "");

    /// <summary>The source did not answer.</summary>
    public static ReadOutcome Silent(string what) => new(null, HealthText.Clean(what));
}
