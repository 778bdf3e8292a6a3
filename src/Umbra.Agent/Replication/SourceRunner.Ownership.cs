using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Swap;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Replication;

/// <summary>The controller's word on who owns the VM, on its way to the session.</summary>
internal sealed partial class SourceRunner
{
    /// <summary>The controller says that another host owns the VM, which may not run there yet.</summary>
    public void OwnedElsewhere(Assignment word) => _mailbox.Post(() =>
    {
        if (word.Peer is not { } holder || _session is not { } session) return;
        Ownership owner = new(word.Generation, holder, "");
        session.OnOwnership(owner, runsThere: false, BootClock.Now);
        if (word.Action is not { Kind: VmActionKind.TakeoverConsent } keep || keep.Id == _lastAction) return;
        _lastAction = keep.Id;
        session.PromiseToKeep(keep.Id, owner, BootClock.Now);
    });

    /// <summary>
    /// The controller says that this host owns the VM. Done when the session knows: one that is to follow it would find
    /// a copy that was held for another host's sake, and claim what is this host's already.
    /// </summary>
    public async Task OwnedHereAsync(Generation generation)
    {
        var known = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _mailbox.Post(() =>
        {
            if (!IsLost) OwnedHere(generation, BootClock.Now);
            known.SetResult();
        });
        await Task.WhenAny(known.Task, _ended.Task);
    }

    private void OwnedHere(Generation generation, TimeSpan now)
    {
        if (_session is not { } session || generation <= session.Generation) return;
        session.OnOwnership(new Ownership(generation, _services.Host, ""), runsThere: false, now);
    }
}
