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
        long cut = ModelGuest.ReadDeviceState(bytes.WrittenSpan).Cut;
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
        CompareDisks(host, Snapshots[CutOfEpoch[store.DisksOf.Value]]);
        Trace($"{host.Name}: has lost its RAM; its disks are those of {store.DisksOf}");
    }

    /// <summary>A host is taken as proven off: it is.</summary>
    public void CheckIsOff(HostId host) =>
        Require(!_hosts.Any(h => h.Id == host && h.Runs), $"{host} runs the VM, and was proven not to");

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

    // From here on nothing goes wrong; the fleet has to become whole by itself, and a swap has to work, there and back.
    private string? Recover()
    {
        TimeSpan healed = Now;
        for (int round = 0, swaps = 0; swaps < 2; round++)
        {
            TimeSpan deadline = Now + s_livenessMax;
            int epochs = _epochs;
            Advance(() => Now >= deadline || (_lost = IsLost()) || (_epochs >= epochs + 3 && Protected() is not null));
            if (_lost) return null;
            if (Protected() is not { } primary) return "not protected again: " + Pending();
            string id = $"swap-back-{round}";
            TimeSpan swapDeadline = Now + s_livenessMax;
            Trace($"a swap from {primary.Name} is asked for");
            primary.Agent!.RequestSwap(id);
            Advance(() => Now >= swapDeadline || Results.ContainsKey(id));
            if (!Results.TryGetValue(id, out VmActionResult? result)) return "the swap does not end: " + Pending();

            // Remains of the last faults (a connection known to be dead by one end only, a question to the controller
            // on its slow way) may still call one off.
            bool isLate = round > 3 && Now > healed + SessionLimits.SwapQueryMax;
            if (!result.Succeeded && isLate) return "swaps without faults fail: " + result.Detail;
            if (!result.Succeeded) continue;
            Advance(() => Now >= swapDeadline || Other(primary).Runs);
            if (!Other(primary).Runs) return "the swapped VM does not run: " + Pending();
            swaps++;
        }

        return null;
    }

    private SimHost? Protected() => _hosts.FirstOrDefault(h =>
        h.Runs && h.Agent?.Source?.Status(h.LocalNow).Protection == ProtectionState.Protected);

    // Both hosts are gone: the guest died, and there was no complete shadow at that time.
    private bool IsLost()
    {
        if (_hosts.Any(h => h.Guest is { Alive: true })) return false;
        return _hosts.All(h => h.Role != SimRole.Shadow
            || (h.Agent?.Shadow is { } shadow && shadow.Store.Committed == EpochNumber.None));
    }

    private string Pending() => string.Join("; ", _hosts.Select(h =>
        $"{h.Name}: {h.Role} {h.Generation}, guest "
        + (h.Guest is null ? "none" : h.Runs ? "runs" : $"paused, held {h.Guest.Held}")
        + (h.Agent?.Source is { } source
            ? $", {source.Status(h.LocalNow).Protection}: {source.Status(h.LocalNow).Reason}" : "")
        + (h.Agent?.Shadow is { } shadow ? $", {shadow.Phase}, {shadow.Store.State} {shadow.Store.Committed}" : "")
        + (h.Agent is null ? ", no agent" : ""))) + $"; owner {Controller.Owner}";
}
