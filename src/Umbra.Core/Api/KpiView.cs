using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>The newest KPIs of both hosts of a VM: what <c>umbra kpi --output json</c> prints.</summary>
/// <param name="Vm">The VM.</param>
/// <param name="Primary">Host that may run it.</param>
/// <param name="Shadow">Host of its shadow; null: it has none.</param>
/// <param name="PrimaryKpis">Measured by the primary's host, as last heard.</param>
/// <param name="ShadowKpis">Measured by the shadow's host, and what it has got of the primary's.</param>
public sealed record KpiView(VmId Vm, HostId Primary, HostId? Shadow, KpiStatus PrimaryKpis, KpiStatus ShadowKpis)
{
    /// <summary>Those of a VM as the controller sees it; empty where a host has told of none.</summary>
    public static KpiView Of(VmView vm) => new(
        vm.Definition.Name, vm.Primary, vm.Shadow, vm.PrimaryStatus?.Kpis ?? new KpiStatus(),
        vm.ShadowStatus?.Kpis ?? new KpiStatus());
}
