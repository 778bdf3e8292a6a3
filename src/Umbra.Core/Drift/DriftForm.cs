namespace Umbra.Core.Drift;

/// <summary>The forms of drift that are watched for, each by a score of its own.</summary>
public enum DriftForm
{
    /// <summary>The primary's level rises against what the shadow lets expect: a step or a ramp.</summary>
    LevelUp = 0,

    /// <summary>It falls.</summary>
    LevelDown = 1,

    /// <summary>It becomes noisier.</summary>
    Spread = 2,

    /// <summary>Single values lie far off, more often than before.</summary>
    Spikes = 3,
}
