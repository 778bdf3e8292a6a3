using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Swap;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Shadows;

/// <summary>
/// How the shadow becomes the VM: device state, claim, the first instruction, the network's word of it.
/// </summary>
internal sealed partial class ShadowRunner
{
    void IShadowEffects.LoadDeviceState(long ticket, EpochNumber epoch, ReadOnlyMemory<byte> deviceState)
    {
        // On a thread of its own: the epoch goes on its way to the disk meanwhile.
        Standby? standby = _standby;
        byte[] state = deviceState.ToArray();
        _ = Task.Run(() =>
        {
            CallOutcome loaded = Load(standby, state);
            _mailbox.Post(() => _session!.OnLoaded(ticket, loaded, BootClock.Now));
        });
    }

    void IShadowEffects.ClaimFence(FenceClaim claim, string cause) =>
        _ = ClaimAsync(claim, cause, _standby is { } standby ? RecordOf(Owner(claim.Expected.Next, standby)) : null);

    void IShadowEffects.Rehearse(string swap, FenceClaim claim, ReadOnlyMemory<byte> deviceState)
    {
        CallOutcome standby = _standby?.Rehearse(deviceState.Span) ?? CallOutcome.Failed("there is no standby");
        // The record that a won claim calls for goes to the disk while the guest still runs: then it takes a new name.
        if (_standby is { } winner) _recordFile.Stage(RecordOf(Owner(claim.Expected.Next, winner)));
        _ = RehearseClaimAsync(swap, claim, standby);
    }

    void IShadowEffects.Run(long ticket, Generation generation)
    {
        Standby standby = _standby!;
        Assignment owner = Owner(generation, standby);
        // The record goes first: an agent that dies right after the VM began to run must be found running it.
        Assignment before = _assignment;
        (_assignment, _isOwner) = (owner, true);
        Keep();
        CallOutcome running = standby.Run();
        if (!running.Succeeded)
        {
            // Another standby will be loaded: the next agent must not take that for the VM.
            (_assignment, _isOwner) = (before, false);
            Keep();
        }

        _mailbox.Post(() =>
        {
            // The old primary is told first: the keeper takes the VM from here as soon as it may.
            _session!.OnRunning(ticket, running, BootClock.Now);
            if (running.Succeeded) _ = AnnounceAsync(standby, new Promotion(standby.Qemu, owner));
        });
    }

    private CallOutcome Load(Standby? standby, byte[] state)
    {
        try
        {
            return standby?.Load(state) ?? CallOutcome.Failed("there is no standby");
        }
        catch (Exception e) when (Refusals.Is(e))
        {
            return CallOutcome.Failed(e.Message); // it was ended meanwhile, and its directory with it
        }
    }

    private async Task ClaimAsync(FenceClaim claim, string cause, VmRecord? owner)
    {
        FenceAnswer? answer = await _services.Controller.ClaimAsync(_paths.Vm, claim, cause, CancellationToken.None)
            .ConfigureAwait(false);
        // Both this and the store's last word have to be on the disk before the VM runs: they go there at once. A claim
        // that was asked twice is answered twice; by the second time the record may be another's.
        bool isFirst = answer is { Won: true } && Interlocked.Exchange(ref _won, claim.Request) != claim.Request;
        if (isFirst && owner is not null) _keeping = Task.Run(() => Write(owner));
        _mailbox.Post(() => _session!.OnClaimAnswered(claim.Request, answer, BootClock.Now));
    }

    private async Task RehearseClaimAsync(string swap, FenceClaim claim, CallOutcome standby)
    {
        FenceAnswer? answer = await _services.Controller.RehearseClaimAsync(_paths.Vm, claim, CancellationToken.None)
            .ConfigureAwait(false);
        _mailbox.Post(() => _session!.OnRehearsed(swap, standby, answer, BootClock.Now));
    }

    private async Task AnnounceAsync(Standby standby, Promotion promotion)
    {
        CallOutcome? announced = await standby.AnnounceAsync().ConfigureAwait(false);
        _mailbox.Post(() => Promote(promotion, announced));
    }

    private void Promote(Promotion promotion, CallOutcome? announced)
    {
        if (announced is { Succeeded: false } failed)
        {
            _services.Report(
                "vm.announce-failed", _paths.Vm, "the network may look for it elsewhere: " + failed.Detail);
        }

        if (_ran is { } ran) _results.Add(announced is { Succeeded: true } done
            ? ran.WithPhase(SwapPhases.Announce, done.Duration)
            : ran);
        _promoted = promotion;
        _changed();
    }
}
