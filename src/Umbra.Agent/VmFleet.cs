using Umbra.Agent.Vms;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Agent;

/// <summary>
/// The VMs of this host, one keeper each: hands the controller's word to them, gathers what they have to say.
/// Thread-safe.
/// </summary>
internal sealed class VmFleet(Func<VmId, VmFleet, VmKeeper> makeKeeper) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, VmKeeper> _keepers = new(StringComparer.Ordinal);
    private TaskCompletionSource _change = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Takes up a VM that an earlier agent left here.</summary>
    public void Adopt(VmId vm) => Keeper(vm).Start();

    /// <summary>The controller's answer: the whole desired state of this host.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="sentAt">When the report was sent that it answers: leases are dated from it.</param>
    public void ControllerAnswered(HeartbeatAnswer answer, TimeSpan sentAt)
    {
        foreach (Assignment assignment in answer.Assignments) Keeper(assignment.Vm.Name).Want(assignment, sentAt);
        foreach (VmId vm in answer.Removed) Find(vm)?.WantGone();
    }

    /// <summary>What every VM here is doing.</summary>
    /// <param name="change">Done at the next <see cref="UrgentChange"/>, which the report may not tell of.</param>
    public IReadOnlyList<VmStatus> Statuses(out Task change)
    {
        lock (_lock)
        {
            // Before the VMs are looked at: what changes meanwhile is told by the next report.
            if (_change.Task.IsCompleted) _change = new(TaskCreationOptions.RunContinuationsAsynchronously);
            change = _change.Task;
            return [.. _keepers.Values.Where(k => k.IsWorthTelling).Select(k => k.Status)];
        }
    }

    /// <summary>Whether no process of the VM is here.</summary>
    public bool IsGone(VmId vm) => Find(vm) is not { } keeper || keeper.IsGone;

    /// <summary>VMs and shadows that are here.</summary>
    public int CountHere()
    {
        lock (_lock) return _keepers.Values.Count(static keeper => keeper.Status.Role != VmRole.None);
    }

    /// <summary>
    /// A connection of <paramref name="peer"/> about a VM's shadow here; the keeper owns it from then on.
    /// </summary>
    public void Accepted(Stream stream, HostId peer, SourceHello hello)
    {
        if (Find(hello.Vm) is { } keeper) keeper.Accepted(stream, peer, hello);
        else stream.Dispose();
    }

    /// <summary>Something that the controller should know at once. Returns at once, from any thread.</summary>
    public void UrgentChange()
    {
        lock (_lock) _change.TrySetResult();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        VmKeeper[] all;
        lock (_lock) all = [.. _keepers.Values];
        foreach (VmKeeper keeper in all) await keeper.DisposeAsync();
    }

    private VmKeeper? Find(VmId vm)
    {
        lock (_lock) return _keepers.GetValueOrDefault(vm.Value);
    }

    private VmKeeper Keeper(VmId vm)
    {
        lock (_lock)
        {
            if (_keepers.TryGetValue(vm.Value, out VmKeeper? keeper)) return keeper;
            keeper = makeKeeper(vm, this);
            _keepers.Add(vm.Value, keeper);
            return keeper;
        }
    }
}
