namespace Umbra.Core.Diagnosis;

/// <summary>Parts of a host between which a diagnosis tells.</summary>
public enum ComponentFamily
{
    /// <summary>The processors, with what keeps them cool.</summary>
    Processor = 0,

    /// <summary>The memory.</summary>
    Memory = 1,

    /// <summary>The drives and their controllers.</summary>
    Drive = 2,

    /// <summary>The network cards and their links.</summary>
    Network = 3,

    /// <summary>Power, voltages, and the host as a whole.</summary>
    Host = 4,
}
