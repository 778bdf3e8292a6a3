using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>
/// What a swap needs of the fleet, beside what the pair itself knows: the shadow's host must be one that the VM may run
/// on, and must not share the primary's fate.
/// </summary>
public static class SwapChecks
{
    /// <summary>All of it, in order; a VM without a shadow fails at the first.</summary>
    public static IReadOnlyList<ReadinessCheck> Of(FleetState fleet, VmRecord vm)
    {
        if (vm.Shadow is not { } shadow)
            return [new ReadinessCheck("hosts", false, FleetViews.ProtectionOf(fleet, vm).Reason)];
        var silent = new[] { vm.Primary, shadow }.Where(name => !IsHeard(fleet, name)).ToList();
        if (silent.Count > 0)
        {
            return [new ReadinessCheck(
                "hosts", false, $"the agent of {string.Join(" and of ", silent)} is not heard")];
        }

        var (here, there) = (fleet.Host(vm.Primary)!.Record, fleet.Host(shadow)!.Record);
        string shared = HostPlacement.SharedDomains(here.Description!, there.Description!);
        return
        [
            new ReadinessCheck("hosts", true, $"the agents of {vm.Primary} and {shadow} are heard"),
            Check("cordon", there.Cordon is { } why ? $"the shadow's host {shadow} is cordoned ({why})" : null,
                $"{shadow} may be used"),
            Check("capacity", HostPlacement.WhyTooSmall(fleet, fleet.Host(shadow)!, vm.Definition) is { } small
                ? $"{shadow} {small}" : null, $"{shadow} has the CPUs and the memory"),
            Check("domains", shared == "" ? null : $"{shadow} shares {shared} with {vm.Primary}",
                $"{shadow} shares no rack, power feed or network segment with {vm.Primary}"),
        ];
    }

    /// <summary>The first that is missing, for people; null: all is there.</summary>
    public static string? WhyNot(IEnumerable<ReadinessCheck> checks) =>
        checks.FirstOrDefault(static check => !check.Holds)?.Detail;

    private static ReadinessCheck Check(string name, string? trouble, string fine) =>
        new(name, trouble is null, trouble ?? fine);

    private static bool IsHeard(FleetState fleet, HostId name) =>
        fleet.Host(name) is { Record.Description: not null } host && host.IsAlive(fleet.Now);
}
