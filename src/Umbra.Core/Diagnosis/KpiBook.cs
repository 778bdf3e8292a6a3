using Umbra.Core.Basics;
using Umbra.Core.Placement;

namespace Umbra.Core.Diagnosis;

/// <summary>
/// The last KPIs of each VM's pair, from what the shadows' agents tell anyway: they go on to tell when the primary's
/// host fails. In memory alone. Single-threaded.
/// </summary>
public sealed class KpiBook
{
    private readonly Dictionary<VmId, KpiHistory> _histories = [];

    /// <summary>Takes what the host tells of the shadows that it has by the fleet's word.</summary>
    public void Note(FleetState fleet, HostState host)
    {
        foreach (var vm in fleet.VmsOn(host.Name))
        {
            if (vm.Shadow != host.Name || !host.Vms.TryGetValue(vm.Name, out var status)) continue;
            var generation = vm.Ownership.Generation;
            if (status.Generation != generation || status.Kpis.Pairs == 0) continue;
            if (!_histories.TryGetValue(vm.Name, out var history) || !history.IsOf(host.Name, generation))
                _histories[vm.Name] = history = new KpiHistory(host.Name, generation);
            history.Add(fleet.Now, status.Kpis);
        }
    }

    /// <summary>The VM's pair as it is now; null: nothing was told of it.</summary>
    public KpiSeries? SeriesOf(VmRecord vm, TimeSpan now) =>
        vm.Shadow is { } shadow && _histories.TryGetValue(vm.Name, out var history)
        && history.IsOf(shadow, vm.Ownership.Generation)
            ? history.Series(now)
            : null;

    /// <summary>Forgets the VM.</summary>
    public void Forget(VmId vm) => _histories.Remove(vm);
}
