namespace Umbra.Core.Health.Ipmi;

/// <summary>What a BMC says of its host's power.</summary>
public enum PowerState
{
    /// <summary>Nothing that can be relied on.</summary>
    Unknown = 0,

    /// <summary>On.</summary>
    On = 1,

    /// <summary>Off: nothing runs on the host.</summary>
    Off = 2,
}

/// <summary>Reads the text of <c>ipmitool chassis power status</c>.</summary>
public static class ChassisPower
{
    /// <summary>
    /// The state; only the exact sentence, alone in the text, counts. A proof that a host is off hangs on it.
    /// </summary>
    public static PowerState Parse(string text) => text.Trim() switch
    {
        "Chassis Power is on" => PowerState.On,
        "Chassis Power is off" => PowerState.Off,
        _ => PowerState.Unknown,
    };
}
