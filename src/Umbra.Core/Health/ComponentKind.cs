namespace Umbra.Core.Health;

/// <summary>What part of a host a reading or an event is about.</summary>
public enum ComponentKind
{
    /// <summary>The host as a whole, or a part that no other kind fits.</summary>
    Host = 0,

    /// <summary>A processor.</summary>
    Processor = 1,

    /// <summary>A memory module or its controller.</summary>
    Memory = 2,

    /// <summary>A fan.</summary>
    Fan = 3,

    /// <summary>A temperature that belongs to no other kind.</summary>
    Temperature = 4,

    /// <summary>A power supply or its feed.</summary>
    PowerSupply = 5,

    /// <summary>A voltage or current of a board.</summary>
    Voltage = 6,

    /// <summary>A drive, or the controller that it hangs on.</summary>
    Drive = 7,

    /// <summary>A network card or its link.</summary>
    Network = 8,

    /// <summary>A reader: it says nothing of the hardware, and is no evidence against it.</summary>
    Reader = 9,
}
