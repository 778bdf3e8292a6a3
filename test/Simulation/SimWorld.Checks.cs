using System.Buffers;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>What must always hold, and what must hold again once nothing goes wrong any more.</summary>
internal sealed partial class SimWorld
{
    private bool _lost;

    /// <summary>After every step of an agent: its shadow is some epoch, byte for byte.</summary>
    public void Check(SimHost host)
    {
        if (host.Agent?.Shadow?.Store is not { } store || store.State != StoreState.Complete || store.Held.Count == 0)
            return;
        if (host.CheckedChanges == host.Media.Changes) return;
        host.CheckedChanges = host.Media.Changes;
        ArrayBufferWriter<byte> bytes = new();
        ModelIntercept faults = host.Media.Intercept;
        host.Media.Intercept = _ => null;
        Require(
            store.ReadDeviceState(store.Committed, bytes).Succeeded,
            "the device state of the committed epoch is there");
        (long cut, long steps) = ModelGuest.ReadDeviceState(bytes.WrittenSpan);
        Require(Snapshots[cut].Steps == steps, $"the device state is that of cut {cut}");
        bytes.ResetWrittenCount();
        Require(store.ReadConfiguration(store.Committed, bytes).Succeeded, "the committed configuration is there");
        host.Media.Intercept = faults;
        Require(
            bytes.WrittenSpan.SequenceEqual(Snapshots[cut].Configuration), $"the configuration is that of cut {cut}");
        CompareShadow(host, cut);
        Require(cut >= host.CommittedCut, $"cut {host.CommittedCut} was committed, and now cut {cut} is");
        if (cut > host.CommittedCut)
            Require(Snapshots[cut].Generation > host.Refused.Value, "nothing of a refused generation is committed");
        host.CommittedCut = cut;
        Trace($"{host.Name}: holds {store.Committed} (cut {cut})");
    }

    /// <summary>After a host lost its memory: the disks are those of the epoch that was committed.</summary>
    public void CheckDisksOnly(SimHost host, ShadowStore store)
    {
        if (store.State != StoreState.DisksOnly) return;
        CompareDisks(host, Snapshots[_cutOfEpoch[(host.Id, store.DisksOf)]]);
        Trace($"{host.Name}: has lost its RAM; its disks are those of {store.DisksOf}");
    }

    /// <summary>A host is taken as proven off: it is.</summary>
    public void CheckIsOff(HostId host) =>
        Require(!_hosts.Any(h => h.Id == host && h.Runs), $"{host} runs the VM, and was proven not to");

    /// <summary>
    /// A copy is about to be destroyed: it is not the last that has what was acknowledged. Who goes by the winner's
    /// word that it runs the VM cannot know whether it has died since, before its first epoch.
    /// </summary>
    public void CheckMayGo(SimHost copy, bool byWinnersWord)
    {
        bool runs = copy.Guest is { Alive: true } || copy.CommittedCut >= _acknowledgedCut;
        if (!runs || _acknowledgedCut < 0) return;
        bool ran = byWinnersWord && _hosts.Any(h => h != copy && h.Guest?.Generation > copy.Guest?.Generation);
        Require(
            ran || _hosts.Any(h => h != copy && (h.Guest is { Alive: true } || h.CommittedCut >= _acknowledgedCut)),
            $"the copy on {copy.Name} was the last that has cut {_acknowledgedCut}");
    }

    private void CompareShadow(SimHost host, long cut)
    {
        ModelSnapshot snapshot = Snapshots[cut];
        for (int page = 0; page < PageCount; page++)
        {
            Require(
                host.Media.Memory.AsSpan(page * Sizes.Page, Sizes.Page)
                    .SequenceEqual(snapshot.Memory.AsSpan(page * Sizes.Page, Sizes.Page)),
                $"page {page} of the shadow on {host.Name} is that of cut {cut}");
        }

        CompareDisks(host, snapshot);
    }

    private static void CompareDisks(SimHost host, ModelSnapshot snapshot)
    {
        foreach ((string id, byte[] content) in snapshot.Disks)
        {
            Require(
                host.Media.Disks[id].Content.AsSpan().SequenceEqual(content),
                $"{id} of the shadow on {host.Name} is that of cut {snapshot.Cut}");
        }
    }

    // From here on nothing goes wrong; the fleet has to become whole by itself, and swaps have to work, on to the third
    // host and back.
    private string? Recover()
    {
        TimeSpan healed = Now;
        for (int round = 0, swaps = 0; swaps < 2; round++)
        {
            TimeSpan deadline = Now + s_livenessMax;
            int epochs = _epochs;
            Advance(() => Now >= deadline || (_lost = IsLost()) || (_epochs >= epochs + 3 && IsWhole()));
            if (_lost) return null;
            if (!IsWhole()) return "not whole again: " + Pending();
            string id = $"swap-back-{round}";
            HostId from = Controller.Vm.Primary;
            Trace($"a swap from {from} is asked for");
            Controller.Ask(VmActionKind.Swap, id);
            deadline = Now + s_livenessMax;
            Advance(() => Now >= deadline || _results.ContainsKey(id));
            if (!_results.TryGetValue(id, out VmActionResult? result)) return "the swap does not end: " + Pending();

            // Remains of the last faults (a connection known to be dead by one end only, a question to the controller
            // on its slow way) may still call one off.
            bool isLate = round > 3 && Now > healed + SessionLimits.SwapQueryMax;
            if (!result.Succeeded && isLate) return "swaps without faults fail: " + result.Detail;
            if (!result.Succeeded) continue;
            Advance(() => Now >= deadline || (Controller.Vm.Primary != from && Primary.Runs));
            if (Controller.Vm.Primary == from || !Primary.Runs) return "the swapped VM does not run: " + Pending();
            swaps++;
        }

        return null;
    }

    private SimHost Primary => _hosts.Single(h => h.Id == Controller.Vm.Primary);

    private bool IsWhole() => Controller.Vm.Action is null && Primary.Runs
        && Primary.Agent?.Source?.Status(Primary.LocalNow).Protection == ProtectionState.Protected;

    // All hosts are gone that had it: the guest died, and there was no complete shadow at that time. A winner that ran
    // it and died before its first epoch leaves the copy before the swap at most, which is a person's to choose. So
    // does one that marked its disks as run and lost its memory then: only this world knows whether the VM ever ran.
    private bool IsLost() =>
        !_hosts.Any(h => h.Guest is { Alive: true } && !(h.Agent?.Source is { IsYielded: true } && HasTriedInVain()))
        && _hosts.All(h => h.Role != VmRole.Shadow
            || (h.Agent?.Shadow is { } shadow && shadow.Store.Committed == EpochNumber.None));

    private bool HasTriedInVain() => Primary.Guest is { Alive: false }
        || (Primary is { Guest: null, Agent.Shadow.Store: { State: StoreState.Incomplete } store }
            && store.Promised == Controller.Vm.Ownership.Generation);

    private string Pending() => string.Join("; ", _hosts.Select(h =>
        $"{h.Name}: {h.Role} {h.Part?.Generation}, guest "
        + (h.Guest is not { Alive: true } ? "none" : h.Runs ? "runs" : $"paused, held {h.Guest.Held}")
        + (h.Agent?.Source is { } source
            ? $", {source.Status(h.LocalNow).Protection}: {source.Status(h.LocalNow).Reason}" : "")
        + (h.Agent?.Shadow is { } shadow ? $", {shadow.Phase}, {shadow.Store.State} {shadow.Store.Committed}" : "")
        + (h.Agent is null ? ", no agent" : "")))
        + $"; owner {Controller.Vm.Ownership}, shadow {Controller.Vm.Shadow}, remains "
        + string.Join(",", Controller.Vm.Remains) + $", under way {Controller.Vm.Action?.Action}";
}
