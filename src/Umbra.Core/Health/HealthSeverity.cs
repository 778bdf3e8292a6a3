namespace Umbra.Core.Health;

/// <summary>How much an event says against the hardware (docs/operating/health.md has the table).</summary>
public enum HealthSeverity
{
    /// <summary>Nothing: something is well again, or was noted only.</summary>
    Info = 0,

    /// <summary>Something works, but not as it should: corrected errors, lost redundancy, a warm part.</summary>
    Warning = 1,

    /// <summary>Something failed or is about to: uncorrected errors, a failed drive, a part beyond its limit.</summary>
    Critical = 2,
}
