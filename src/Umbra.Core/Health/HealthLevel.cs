namespace Umbra.Core.Health;

/// <summary>How well the thing that a reading is about is, by its own word or its own limits.</summary>
public enum HealthLevel
{
    /// <summary>Not said: the sensor cannot be read, or has no limits.</summary>
    Unknown = 0,

    /// <summary>Within its limits.</summary>
    Ok = 1,

    /// <summary>Works, but not as it should.</summary>
    Warning = 2,

    /// <summary>Fails, or is about to.</summary>
    Critical = 3,
}
