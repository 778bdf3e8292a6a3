using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Diagnosis;

namespace Umbra.Core.Placement;

/// <summary>
/// The fleet in memory, with the indexes that placement needs: who is on which host and what that reserves. Mutable
/// and single-threaded; every answer depends on its contents alone, and enumerations are in order of name.
/// </summary>
public sealed class FleetState
{
    // Sorted for those who enumerate, hashed for those who ask for one: a look at a VM asks a hundred times.
    private readonly SortedDictionary<string, HostState> _sortedHosts = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, VmRecord> _sortedVms = new(StringComparer.Ordinal);
    private readonly Dictionary<HostId, HostState> _hosts = [];
    private readonly Dictionary<string, VmRecord> _vms = new(StringComparer.Ordinal);
    private readonly Dictionary<HostId, SortedSet<string>> _vmsByHost = [];
    private readonly Dictionary<HostId, long> _reservedBytes = [];
    private readonly Dictionary<VmId, (string Id, TimeSpan Since)> _lastActions = [];
    private int? _hostsAlive;

    /// <summary>The time of what happens now, on the controller's monotonic clock. Never goes back.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>What is remembered of suspicions and decisions.</summary>
    public SuspicionBook Suspicions { get; } = new();

    /// <summary>The last KPIs of the VMs' pairs.</summary>
    public KpiBook Kpis { get; } = new();

    /// <summary>Swaps by suspicion that are under way.</summary>
    public int SuspectSwaps { get; private set; }

    /// <summary>
    /// Hosts that are heard. Counted once for one time: in a storm every VM's decision asks, and one host more that is
    /// heard meanwhile makes no difference.
    /// </summary>
    public int HostsAlive => _hostsAlive ??= _hosts.Values.Count(host => host.IsAlive(Now));

    /// <summary>All hosts, in order of name.</summary>
    public IEnumerable<HostState> Hosts => _sortedHosts.Values;

    /// <summary>All VMs, in order of name.</summary>
    public IEnumerable<VmRecord> Vms => _sortedVms.Values;

    /// <summary>The host, or null.</summary>
    public HostState? Host(HostId name) => _hosts.GetValueOrDefault(name);

    /// <summary>The VM, or null.</summary>
    public VmRecord? Vm(VmId name) => _vms.GetValueOrDefault(name.Value);

    /// <summary>Time goes on.</summary>
    public void AdvanceTo(TimeSpan now)
    {
        if (now <= Now) return;
        Now = now;
        _hostsAlive = null;
    }

    /// <summary>Adds the host or replaces what was known of it.</summary>
    public void Put(HostState host)
    {
        _hosts[host.Name] = _sortedHosts[host.Name.Value] = host;
        _hostsAlive = null;
    }

    /// <summary>Adds the VM or replaces what was known of it.</summary>
    public void Put(VmRecord vm)
    {
        Unindex(vm.Name);
        _vms[vm.Name.Value] = _sortedVms[vm.Name.Value] = vm;
        if (IsSuspectSwap(vm)) SuspectSwaps++;
        if (vm.Action is { } pending && ActionAge(vm.Name, pending.Action.Id) is null)
            _lastActions[vm.Name] = (pending.Action.Id, Now);
        foreach (var host in HostsOf(vm))
        {
            if (!_vmsByHost.TryGetValue(host, out var vms))
                _vmsByHost[host] = vms = new SortedSet<string>(StringComparer.Ordinal);
            vms.Add(vm.Name.Value);
            _reservedBytes[host] = _reservedBytes.GetValueOrDefault(host) + vm.Definition.MemoryBytes;
        }
    }

    /// <summary>Forgets the VM.</summary>
    public void Remove(VmId name)
    {
        Unindex(name);
        _lastActions.Remove(name);
        Suspicions.Forget(name);
        Kpis.Forget(name);
    }

    /// <summary>Forgets the host.</summary>
    public void Remove(HostId name)
    {
        _hosts.Remove(name);
        _sortedHosts.Remove(name.Value);
        _hostsAlive = null;
    }

    /// <summary>VMs that have their primary, their shadow or an old copy on the host, in order of name.</summary>
    public IEnumerable<VmRecord> VmsOn(HostId host) =>
        _vmsByHost.TryGetValue(host, out var vms) ? vms.Select(name => _vms[name]) : [];

    /// <summary>Hosts that have something of the VM.</summary>
    public static IEnumerable<HostId> HostsOf(VmRecord vm)
    {
        IEnumerable<HostId> hosts = vm.Deleting ? vm.Remains : vm.Remains.Prepend(vm.Primary);
        return (vm.Shadow is { } shadow ? hosts.Append(shadow) : hosts).Distinct();
    }

    /// <summary>Whether the VM has its primary, its shadow or an old copy on the host.</summary>
    public bool IsOn(VmId vm, HostId host) => _vmsByHost.TryGetValue(host, out var vms) && vms.Contains(vm.Value);

    /// <summary>
    /// Memory of the host that is spoken for: primaries, shadows and old copies not yet gone, bytes.
    /// </summary>
    public long ReservedBytes(HostId host) => _reservedBytes.GetValueOrDefault(host);

    /// <summary>
    /// How long ago the action was first seen here; null: it is not the VM's newest, or older than this controller.
    /// Unlike <see cref="PendingAction.Started"/> it does not jump when somebody sets the clock.
    /// </summary>
    public TimeSpan? ActionAge(VmId vm, string id) =>
        _lastActions.TryGetValue(vm, out var last) && last.Id == id ? Now - last.Since : null;

    /// <summary>What the host's agent last said of the VM; null: nothing.</summary>
    public VmStatus? StatusOn(HostId host, VmId vm) => Host(host)?.Vms.GetValueOrDefault(vm);

    private void Unindex(VmId name)
    {
        if (!_vms.Remove(name.Value, out var old)) return;
        _sortedVms.Remove(name.Value);
        if (IsSuspectSwap(old)) SuspectSwaps--;
        foreach (var host in HostsOf(old))
        {
            _vmsByHost[host].Remove(name.Value);
            _reservedBytes[host] -= old.Definition.MemoryBytes;
        }
    }

    private static bool IsSuspectSwap(VmRecord vm) => vm.Action?.Action is { Kind: VmActionKind.Swap, Suspect: true };
}
