namespace Umbra.Core.Health;

/// <summary>Whether a reader's readings can be believed.</summary>
public enum ReaderState
{
    /// <summary>Its last look brought readings.</summary>
    Ok = 0,

    /// <summary>
    /// Its source is silent, or was not asked yet: the readings are of some time ago, and what happened since is not
    /// known.
    /// </summary>
    Stale = 1,

    /// <summary>Its source refused, answers with what cannot be understood, or is not there.</summary>
    Failed = 2,
}
