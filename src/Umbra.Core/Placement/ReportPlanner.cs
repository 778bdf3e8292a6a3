using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Placement;

/// <summary>Decides what a host's report means for the records of the VMs it has to do with.</summary>
public static class ReportPlanner
{
    /// <summary>
    /// What follows when the host's last report was made by an agent that has what it is told: what it is to destroy
    /// and does not have any more is gone, and its leases are those it says. Evaluated as it is enumerated.
    /// </summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="host">The host.</param>
    /// <param name="removed">VMs that it is told to destroy.</param>
    public static IEnumerable<VmPlan> Confirmed(FleetState fleet, HostState host, IReadOnlyList<VmId> removed)
    {
        foreach (var name in removed)
        {
            if (!IsGone(host, name) || fleet.Vm(name) is not { } vm) continue;
            yield return new VmPlan(
                vm.WithoutRemains(host.Name), [new PlannedEvent("copy.removed", host.Name, "its old copy is gone")]);
        }

        foreach (var vm in fleet.VmsOn(host.Name).Where(vm => vm.Primary == host.Name && !vm.Deleting).ToList())
        {
            var seen = vm.SeenByPrimary(fleet.StatusOn(host.Name, vm.Name));
            if (!ReferenceEquals(seen, vm)) yield return new VmPlan(seen, []);
        }
    }

    /// <summary>Copies that come back with a host that was written off: nobody's now.</summary>
    public static IEnumerable<VmPlan> CopiesFound(FleetState fleet, HostState host)
    {
        foreach (var name in host.Vms.Keys)
        {
            if (fleet.Vm(name) is not { } vm || fleet.IsOn(name, host.Name) || IsGone(host, name)) continue;
            yield return new VmPlan(vm.WithRemains(host.Name), [new PlannedEvent(
                "copy.found", host.Name, "an old copy came back with its host and is destroyed")]);
        }
    }

    private static bool IsGone(HostState host, VmId name) =>
        !host.Vms.TryGetValue(name, out var status)
        || status is { Role: VmRole.None, Guest: GuestState.Absent };
}
