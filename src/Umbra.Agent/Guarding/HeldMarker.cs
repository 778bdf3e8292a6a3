using System.Collections.Concurrent;
using Umbra.Agent.State;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;

namespace Umbra.Agent.Guarding;

/// <summary>
/// Notes durably that VMs were stopped by their leases, on a thread of its own: a disk that stands still must not keep
/// the guard from stopping the next VM. What is lost with it is covered by the lease's own file, in which the next
/// agent finds a deadline that has passed.
/// </summary>
internal sealed class HeldMarker : IDisposable
{
    /// <summary>Most notes that wait for the disk; what is beyond is left to the lease's file.</summary>
    private const int WaitingMax = 1024;

    private readonly ConcurrentDictionary<string, GuardedVm> _wanted = new(StringComparer.Ordinal);
    private readonly BlockingCollection<string> _waiting = new(WaitingMax);
    private readonly Thread _thread;

    /// <summary>A marker with nothing to do.</summary>
    public HeldMarker()
    {
        _thread = new Thread(Write) { IsBackground = true, Name = "held notes" };
        _thread.Start();
    }

    /// <summary>The VM was stopped because its lease is over.</summary>
    public void Mark(GuardedVm vm)
    {
        _wanted[vm.Vm.Value] = vm;
        _waiting.TryAdd(vm.Vm.Value);
    }

    /// <summary>The VM may run again: a note that is not written yet is not wanted any more.</summary>
    public void Forgo(VmId vm) => _wanted.TryRemove(vm.Value, out _);

    /// <summary>Waits until everything is written.</summary>
    public void Dispose()
    {
        _waiting.CompleteAdding();
        _thread.Join();
        _waiting.Dispose();
    }

    private void Write()
    {
        foreach (string name in _waiting.GetConsumingEnumerable())
        {
            // A note that is there already may be a swap's, which is the stricter one.
            if (_wanted.TryRemove(name, out GuardedVm? vm) && HeldFile.Read(vm.Directory) is null)
                HeldFile.Write(vm.Directory, new HeldMark(HeldReason.Lease, vm.Generation, ""));
        }
    }
}
