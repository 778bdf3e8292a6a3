using Umbra.Core.Basics;
using Umbra.Core.Health;

namespace Umbra.Core.Diagnosis;

/// <summary>What a person should do about a suspected part, in words.</summary>
public static class NextSteps
{
    /// <summary>The step for the suspect.</summary>
    /// <param name="suspect">The suspect; null: nothing speaks against any part.</param>
    /// <param name="host">The host.</param>
    /// <param name="after">What the canaries said after the VM had left.</param>
    public static string For(SuspectCandidate? suspect, HostId host, IReadOnlyList<KpiComparison> after)
    {
        string healed = after.Any(one => IsOf(one, suspect, EmptyHostFinding.AsUsual))
            && !after.Any(one => IsOf(one, suspect, EmptyHostFinding.StillWorse))
            ? "It is as usual again without the VM: look first at what the VM and its neighbours asked of the host. "
            : "";
        return healed + Of(suspect, host);
    }

    private static bool IsOf(KpiComparison one, SuspectCandidate? suspect, EmptyHostFinding finding) =>
        one.Drifted && one.Finding == finding && SuspectRanking.FamilyOf(one.Kpi) == suspect?.Family;

    private static string Of(SuspectCandidate? suspect, HostId host)
    {
        string after = $"When it is well, let the host be used again: umbra host uncordon {host}.";
        return suspect is null
            ? $"No part is named. Look at 'umbra host health {host} --all' and test the host before it is used. {after}"
            : $"{Of(suspect.Kind, suspect.Component)} {after}";
    }

    private static string Of(ComponentKind kind, string component) => kind switch
    {
        ComponentKind.Processor =>
            $"Check {component}: throttling, machine checks, the governor and microcode, dust and heat sinks; "
            + "and what else uses the host's CPUs.",
        ComponentKind.Fan => $"Replace or clean the fan {component}; then look whether the temperatures fall.",
        ComponentKind.Temperature =>
            $"Find what makes {component} hot: air flow, dust, fans, the temperature of the room.",
        ComponentKind.Memory =>
            $"Test {component} with a memory tester for some hours, and replace the module whose errors are counted.",
        ComponentKind.Drive =>
            $"Look at the SMART report of {component} and start its long self-test; replace the drive, its cable or "
            + "its controller.",
        ComponentKind.Network =>
            $"Check the cable, the transceiver and the switch port of {component}; compare the error counters of both "
            + "ends, then replace the card.",
        ComponentKind.PowerSupply => $"Check the feed and the cable of {component}; replace the power supply.",
        ComponentKind.Voltage =>
            $"Check the power supplies first; a {component} beyond its limits with good ones is the board's.",
        _ => $"Look at the BMC's event log for {component}; have the board tested.",
    };
}
