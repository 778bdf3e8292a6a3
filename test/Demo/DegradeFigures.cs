namespace Umbra.Demo;

/// <summary>What <c>--degrade</c> measured; null is "not measured" or "it did not happen".</summary>
public sealed record DegradeFigures
{
    /// <summary>The kind, as on the command line.</summary>
    public required string Kind { get; init; }

    /// <summary>What was done, and what of it is simulated.</summary>
    public required string What { get; init; }

    /// <summary>The degraded host.</summary>
    public required string Host { get; init; }

    /// <summary>Seconds that the baseline was learnt from.</summary>
    public required int CalibrationSeconds { get; init; }

    /// <summary>Largest score against it before anything was degraded.</summary>
    public double? ScoreBefore { get; set; }

    /// <summary>Largest score against it.</summary>
    public double? ScoreMax { get; set; }

    /// <summary>The KPI, or else the hardware event, that spoke most against it at the end.</summary>
    public string? Evidence { get; set; }

    /// <summary>From the first step to the first hint.</summary>
    public double? SecondsToHint { get; set; }

    /// <summary>From the first step until the interval was shorter.</summary>
    public double? SecondsToShorterInterval { get; set; }

    /// <summary>From the first step until the guest ran on its shadow.</summary>
    public double? SecondsToSwap { get; set; }

    /// <summary>The step that was in force then.</summary>
    public string? StepAtSwap { get; set; }

    /// <summary>Sync interval before.</summary>
    public double? IntervalBeforeMs { get; set; }

    /// <summary>Shortest sync interval before the swap.</summary>
    public double? IntervalLeastMs { get; set; }

    /// <summary>Whether the left host takes no further VMs.</summary>
    public bool? Cordoned { get; set; }

    /// <summary>What the diagnosis names.</summary>
    public string? Diagnosed { get; set; }
}
