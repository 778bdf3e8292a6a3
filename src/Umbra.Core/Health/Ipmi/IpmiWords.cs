namespace Umbra.Core.Health.Ipmi;

/// <summary>What the words of ipmitool say: how bad an event is, how a sensor is, why a call failed.</summary>
public static class IpmiWords
{
    /// <summary>Largest output of one ipmitool call that is read, characters; a full SEL has some hundred KB.</summary>
    public const int OutputCharsMax = 1024 * 1024;

    /// <summary>A harmless call that says why there is no session, soon.</summary>
    public static readonly IReadOnlyList<string> Diagnosis = ["-N", "2", "-R", "2", "-v", "chassis", "power", "status"];

    // The first that is in the text counts, so "non-critical" stands before "critical".
    private static readonly (string Word, HealthSeverity Severity)[] EventWords =
    [
        ("graceful", HealthSeverity.Info), ("uncorrectable", HealthSeverity.Critical),
        ("non-recoverable", HealthSeverity.Critical), ("non-critical from ok", HealthSeverity.Warning),
        ("transition to non-critical", HealthSeverity.Warning), ("non-critical", HealthSeverity.Warning),
        ("transition to critical", HealthSeverity.Critical), ("critical", HealthSeverity.Critical),
        ("logging limit", HealthSeverity.Critical), ("correctable ecc", HealthSeverity.Warning),
        ("ierr", HealthSeverity.Critical), ("thermal trip", HealthSeverity.Critical),
        ("predictive fail", HealthSeverity.Warning), ("failure detected", HealthSeverity.Critical),
        ("in critical array", HealthSeverity.Critical), ("in failed array", HealthSeverity.Critical),
        ("drive fault", HealthSeverity.Critical), ("device fault", HealthSeverity.Critical),
        ("fault status", HealthSeverity.Critical), ("configuration error", HealthSeverity.Warning),
        ("input lost", HealthSeverity.Warning), ("ac lost", HealthSeverity.Warning),
        ("power off/down", HealthSeverity.Info), ("failure", HealthSeverity.Critical),
        ("redundancy lost", HealthSeverity.Warning), ("non-redundant", HealthSeverity.Warning),
        ("redundancy degraded", HealthSeverity.Warning), ("throttled", HealthSeverity.Warning),
        ("parity", HealthSeverity.Critical),
        ("bus uncorrectable", HealthSeverity.Critical), ("bus fatal", HealthSeverity.Critical),
        ("hard reset", HealthSeverity.Warning), ("timer expired", HealthSeverity.Warning),
        ("limit exceeded", HealthSeverity.Warning), ("degraded", HealthSeverity.Warning),
        ("link down", HealthSeverity.Warning), ("memory scrub failed", HealthSeverity.Critical),
    ];

    private static readonly (string Word, string Reason)[] Refusals =
    [
        ("HMAC is invalid", "the BMC refuses the password"),
        ("unauthorized name", "the BMC knows no such user"),
        ("nsufficient privilege", "the user's privilege on the BMC is too low"),
        ("rivilege level", "the BMC does not grant the privilege level asked for"),
        ("invalid authentication algorithm", "the BMC does not take cipher suite 3"),
        ("no matching cipher suite", "the BMC does not take cipher suite 3"),
        ("ould not open device", "there is no BMC in this machine, or its kernel module (ipmi_si) is not loaded"),
        ("ddress lookup", "the BMC's name does not resolve"),
    ];

    private static readonly string[] Silences =
        ["Unable to establish", "Get Auth Capabilities error", "timeout", "no response", "Error issuing Get Channel"];

    /// <summary>How bad an event with this text is.</summary>
    public static HealthSeverity SeverityOf(string text)
    {
        foreach ((string word, HealthSeverity severity) in EventWords)
        {
            if (text.Contains(word, StringComparison.OrdinalIgnoreCase)) return severity;
        }

        return HealthSeverity.Info;
    }

    /// <summary>The level of a sensor by its short state: <c>ok</c>, <c>nc</c>, <c>ucr</c>, <c>lnr</c> ...</summary>
    public static HealthLevel LevelOf(string state) => state switch
    {
        "ok" => HealthLevel.Ok,
        "nc" or "unc" or "lnc" => HealthLevel.Warning,
        "cr" or "ucr" or "lcr" or "nr" or "unr" or "lnr" => HealthLevel.Critical,
        _ => HealthLevel.Unknown,
    };

    /// <summary>A unit as ipmitool writes it, in the short form used here.</summary>
    public static string UnitOf(string unit) => unit switch
    {
        "degrees C" => "C",
        "Volts" => "V",
        "Amps" => "A",
        "Watts" => "W",
        "percent" => "%",
        "unspecified" => "units",
        "discrete" => "",
        _ => unit,
    };

    /// <summary>What the value of this unit is of.</summary>
    public static string QuantityOf(string unit) => unit switch
    {
        "C" or "degrees F" => "temperature",
        "RPM" or "CFM" => "speed",
        "V" => "voltage",
        "A" => "current",
        "W" => "power",
        "" => "state",
        _ => "value",
    };

    /// <summary>
    /// Why a call failed, by what ipmitool wrote on standard error: a refusal or a defect (failed), or silence (stale).
    /// </summary>
    public static ReadOutcome Explain(string error)
    {
        foreach ((string word, string reason) in Refusals)
        {
            if (error.Contains(word, StringComparison.OrdinalIgnoreCase)) return ReadOutcome.Failed(reason);
        }

        return Silences.Any(word => error.Contains(word, StringComparison.OrdinalIgnoreCase))
            ? ReadOutcome.Silent("the BMC does not answer")
            : ReadOutcome.Failed(
                error.Trim().Length == 0
                    ? "ipmitool failed without saying why"
                    : "ipmitool: " + HealthText.Clean(error));
    }
}
