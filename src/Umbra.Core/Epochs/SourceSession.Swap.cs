using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>
/// The session's warm swap: up to the permit it can be called off, after it only a claim lets the VM run here.
/// </summary>
public sealed partial class SourceSession
{
    private SwapUnderWay? _swap;
    private ClaimUnderWay? _claim;
    private bool _lost;
    private Generation _yielded;

    private enum SwapPhase
    {
        /// <summary>The guest runs; rounds bring the last copy down.</summary>
        Prepare,

        /// <summary>The guest is paused, its last epoch on its way.</summary>
        FinalEpoch,

        /// <summary>The shadow may claim the VM.</summary>
        Permitted,
    }

    private sealed class SwapUnderWay
    {
        private readonly TimeSpan _startedAt;
        private TimeSpan _phaseAt;

        public SwapUnderWay(string id, TimeSpan now)
        {
            Id = id;
            _startedAt = _phaseAt = now;
        }

        public string Id { get; }

        public SwapPhase Phase { get; set; }

        public EpochNumber Epoch { get; set; }

        public TimeSpan Deadline { get; set; }

        public List<PhaseTime> Phases { get; } = [];

        public void Passed(string phase, TimeSpan now)
        {
            Phases.Add(new PhaseTime(phase, _phaseAt - _startedAt, now - _phaseAt));
            _phaseAt = now;
        }

        // The last phase ends when its news is here: the blackout is never told too short.
        public void PassedOnShadow(SwapDone done, TimeSpan now)
        {
            TimeSpan fence = done.Fence < now - _phaseAt ? done.Fence : now - _phaseAt;
            Passed("Fence", _phaseAt + fence);
            TimeSpan load = done.Load < now - _phaseAt ? done.Load : now - _phaseAt;
            Passed("Load", _phaseAt + load);
            Passed("Resume", now);
        }
    }

    private sealed class ClaimUnderWay(FenceClaim claim, string cause)
    {
        public FenceClaim Claim => claim;

        public string Cause => cause;

        public TimeSpan AskAgainAt { get; set; }
    }

    /// <summary>
    /// Moves the VM onto its shadow; the action's result comes by <see cref="ISourceEffects.ActionFinished"/>. A
    /// rehearsal checks everything that a swap needs and stops before the pause.
    /// </summary>
    public void RequestSwap(string id, bool rehearsal, TimeSpan now)
    {
        if (_swap?.Id == id) return;
        string? refusal = SwapRefusal();
        if (refusal is not null || rehearsal)
        {
            FinishAction(id, refusal is null, refusal ?? "everything that a swap needs is there",
                [new PhaseTime("Prepare", TimeSpan.Zero, TimeSpan.Zero)]);
            return;
        }

        _swap = new SwapUnderWay(id, now) { Deadline = now + SessionLimits.PrepareMax };
        _cutDue = now;
    }

    /// <summary>
    /// The answer to <see cref="ISourceEffects.ClaimFence"/>; null when it is not known how the claim went.
    /// </summary>
    public void OnClaimAnswered(string request, FenceAnswer? answer, TimeSpan now)
    {
        if (_claim is null || _claim.Claim.Request != request || _lost) return;
        if (answer is null || (!answer.Won && answer.Current.Generation <= _generation))
        {
            _claim.AskAgainAt = now + SessionLimits.ClaimRetry;
            return;
        }

        _claim = null;
        if (answer.Current.Holder == _options.Host) KeepOwnership(answer.Current.Generation, now);
        else Yield(answer.Current, now);
    }

    /// <summary>
    /// The controller says who may run the VM; what is older than what the session knows is ignored. Another host: this
    /// copy stands still, and is lost once the VM <paramref name="runsThere"/>. This host, under a newer generation
    /// (the other one died before it ran the VM): the guest runs on here.
    /// </summary>
    public void OnOwnership(Ownership owner, bool runsThere, TimeSpan now)
    {
        if (_lost || owner.Generation <= _generation) return;
        if (owner.Holder == _options.Host) KeepOwnership(owner.Generation, now);
        else if (runsThere) Lose(owner.Generation, $"{owner.Holder} runs the VM", now);
        else Yield(owner, now);
    }

    /// <summary>
    /// Whether another host has won the VM without being known to run it: the guest stands still, as of
    /// <see cref="Acknowledged"/> or later, and can be handed back by <see cref="OnOwnership"/>.
    /// </summary>
    public bool IsYielded => _yielded != Generation.None;

    private string? SwapRefusal()
    {
        if (_lost) return "the VM does not run here any more";
        if (_swap is not null) return "another swap is under way";
        if (_claim is not null || _paused != PausedBy.Nobody) return "the VM is held: " + _heldReason;
        if (_link is null || _phase != LinkPhase.Streaming) return "no shadow is connected: " + _linkReason;
        if (_resyncing || _acknowledged == EpochNumber.None)
            return "the shadow holds no complete epoch of this session yet";
        if (!_disks.IsReady) return "the disks are not mirrored: " + _disks.Detail;
        return _trouble.Length > 0 ? "the last sync had trouble: " + _trouble : null;
    }

    private bool SwapMayPause(TimeSpan now)
    {
        if (_trouble.Length == 0 && !_resyncing) return true;
        EndSwap(false, _resyncing ? "the shadow has to be compared by hashes first" : _trouble, now);
        return false;
    }

    private void SwapPaused(TimeSpan now, EpochReport report)
    {
        _paused = PausedBy.Swap;
        _stateConfirmed = true;
        _heldReason = "a swap is under way";
        _swap!.Passed("Prepare", now);
        _swap.Phases.Add(new PhaseTime("Pause", _swap.Phases[^1].Start + _swap.Phases[^1].Duration, report.Pause));
        _swap.Phase = SwapPhase.FinalEpoch;
        _swap.Epoch = report.Epoch;
        _swap.Deadline = now + SessionLimits.FinalEpochMax;
    }

    // Marked while the epoch is on its way, so that its disk write costs no blackout.
    private void SwapEpochSent(TimeSpan now)
    {
        if (_swap is not { Phase: SwapPhase.FinalEpoch }) return;
        CallOutcome marked = Mark(new HeldMark(HeldReason.Swap, _generation, _swap.Id));
        if (!marked.Succeeded) EndSwap(false, "marking the guest as held failed: " + marked.Detail, now);
    }

    private void SwapFinalAcknowledged(TimeSpan now)
    {
        _swap!.Passed("FinalEpoch", now);
        _swap.Phases.Add(new PhaseTime("Verify", _swap.Phases[^1].Start + _swap.Phases[^1].Duration, TimeSpan.Zero));
        _swap.Phase = SwapPhase.Permitted;
        _swap.Deadline = now + SessionLimits.PermitMax;
        _link!.Send(new SwapPermit(_swap.Id, _generation, _swap.Epoch));
    }

    private void OnSwapDone(SwapDone done, TimeSpan now)
    {
        if (done.Generation <= _generation) return;
        _claim = null;
        if (_swap is { Phase: SwapPhase.Permitted } && _swap.Id == done.Swap) _swap.PassedOnShadow(done, now);
        Lose(done.Generation, "the shadow runs the VM", now);
    }

    // The shadow declines only as long as it has claimed nothing, and claims nothing afterwards: the VM may go on.
    private void OnSwapDeclined(SwapDeclined declined, TimeSpan now)
    {
        if (_swap is { Phase: SwapPhase.Permitted } && _swap.Id == declined.Swap && _claim is null)
            EndSwap(false, "the shadow declined: " + declined.Reason, now);
    }

    private void SwapLinkDown(TimeSpan now)
    {
        if (_swap is null) return;
        if (_swap.Phase != SwapPhase.Permitted) EndSwap(false, "the link was lost", now);
        else if (_claim is null && _yielded == Generation.None)
            BeginClaim(_swap.Id, "the link was lost after the permit", now);
    }

    private TimeSpan TickSwap(TimeSpan now)
    {
        if (_swap is null || _claim is not null || _yielded != Generation.None) return TimeSpan.MaxValue;
        if (now < _swap.Deadline) return _swap.Deadline;
        if (_swap.Phase == SwapPhase.Permitted) BeginClaim(_swap.Id, "the shadow did not run in time", now);
        else EndSwap(false, $"{_swap.Phase} took too long", now);
        return now;
    }

    private void EndSwap(bool succeeded, string detail, TimeSpan now)
    {
        SwapUnderWay swap = _swap!;
        _swap = null;
        _cutFinal = false;
        if (_paused == PausedBy.Swap && !_lost)
        {
            _paused = PausedBy.Nobody;
            LetRun(now);
        }

        FinishAction(swap.Id, succeeded, detail, swap.Phases);
    }

    private void BeginClaim(string swap, string cause, TimeSpan now)
    {
        FenceClaim claim = new(
            _generation, _options.Host, $"{swap}/{_options.Host}/{_options.Session:x16}/{_generation}");
        _claim = new ClaimUnderWay(claim, cause);
        _effects.Report("fence.claim", $"claiming the VM for this host: {cause}");
        AskClaim(now);
    }

    private void AskClaim(TimeSpan now)
    {
        _claim!.AskAgainAt = now + SessionLimits.ClaimAnswerMax;
        _effects.ClaimFence(_claim.Claim, _claim.Cause);
    }

    private TimeSpan TickClaim(TimeSpan now)
    {
        if (_claim is null) return TimeSpan.MaxValue;
        if (now >= _claim.AskAgainAt) AskClaim(now);
        return _claim?.AskAgainAt ?? now;
    }

    // The shadow has promised itself to a newer generation. Either another host has it, or the shadow consented to a
    // takeover that never came: a claim finds out which, and the guest runs on meanwhile.
    private void OnStaleGeneration(ShadowHello hello, TimeSpan now)
    {
        CloseLink($"the shadow is promised to {hello.Generation}, the VM runs under {_generation}", now);
        if (_claim is null && _yielded == Generation.None && hello.Generation > _generation)
            BeginClaim("regain", "the shadow refuses this generation", now);
    }

    private void KeepOwnership(Generation generation, TimeSpan now)
    {
        _generation = generation;
        _yielded = Generation.None;
        _claim = null;
        _effects.GenerationRaised(generation);
        _effects.Report("fence.kept", $"this host runs the VM under {generation}");
        if (_paused == PausedBy.Swap) _paused = PausedBy.Nobody;
        if (_swap is not null)
            EndSwap(false, $"the shadow did not run the VM; it goes on here under {generation}", now);
        LetRun(now);
        if (_link is not null) SendHello(now);
    }

    // Another host has won the VM, and is not known to run it: until it does, this copy may be the only whole one.
    private void Yield(Ownership owner, TimeSpan now)
    {
        if (_yielded == owner.Generation) return;
        _yielded = owner.Generation;
        _claim = null;
        _paused = PausedBy.Swap;
        _heldReason = $"{owner.Holder} may run the VM under {owner.Generation}; this copy is kept until it does";
        KeepStill(new HeldMark(HeldReason.Swap, _generation, "yielded"), now);
        _effects.Report("fence.lost", _heldReason);
        if (_swap is { Phase: SwapPhase.Permitted } swap)
        {
            // The shadow says on this very link that it runs the VM, and how long that took.
            swap.Deadline = TimeSpan.MaxValue;
            return;
        }

        if (_swap is not null) EndSwap(false, _heldReason, now);
        if (_link is not null) CloseLink(_heldReason, now);
    }

    private void Lose(Generation generation, string reason, TimeSpan now)
    {
        _lost = true;
        _paused = PausedBy.Swap;
        _heldReason = reason;
        KeepStill(new HeldMark(HeldReason.Swap, _generation, "lost"), now);
        _link = null;
        if (_swap is not null)
        {
            bool done = _swap.Phase == SwapPhase.Permitted;
            if (_swap.Phases.TrueForAll(static p => p.Name != "Resume")) _swap.Passed("Fence", now);
            EndSwap(done, done ? reason : "the VM was taken over: " + reason, now);
        }

        foreach (PendingSync sync in _syncs) FinishAction(sync.Id, false, reason, []);
        _syncs.Clear();
        if (_stateConfirmed) _guest.SetRunDeadline(null);
        _effects.OwnershipLost(generation, reason);
    }
}
