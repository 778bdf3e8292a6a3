using System.Globalization;
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
    private Rehearsal? _rehearsal;
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

    private sealed class SwapUnderWay(string id, TimeSpan now)
    {
        public string Id => id;

        public SwapPhase Phase { get; set; }

        /// <summary>Whether the shadow has said that it could run the VM.</summary>
        public bool IsShadowReady { get; set; }

        public EpochNumber Epoch { get; set; }

        public TimeSpan Deadline { get; set; }

        public PhaseClock Clock { get; } = new(now);

        // Times of the other host, laid end to end from when its acknowledgement was here, which was after it began on
        // them, or earlier where they would end after their own news: the blackout is never told too short, and the
        // way of that news is no part of it.
        public void PassedOnShadow(SwapDone done, TimeSpan now)
        {
            TimeSpan late = Max(Clock.PassedAt + done.LoadLeft + done.Fence + done.Resume - now, TimeSpan.Zero);
            TimeSpan committed = Clock.CutLast(done.Verify + done.Commit + late) - late;
            Clock.Took(SwapPhases.Verify, done.Verify, committed);
            Clock.Passed(SwapPhases.Commit, committed);
            Clock.PassedBeside(SwapPhases.Load, done.Load, Min(committed + done.LoadLeft, now));
            Clock.Took(SwapPhases.Fence, done.Fence, now);
            Clock.Took(SwapPhases.Resume, done.Resume, now);
        }
    }

    private sealed record Rehearsal(string Id, TimeSpan Deadline);

    private sealed class ClaimUnderWay(FenceClaim claim, string cause)
    {
        public FenceClaim Claim => claim;

        public string Cause => cause;

        public TimeSpan AskAgainAt { get; set; }
    }

    /// <summary>
    /// Moves the VM onto its shadow; the action's result comes by <see cref="ISourceEffects.ActionFinished"/>. A
    /// rehearsal asks for everything that a swap needs, this side and the shadow, and pauses nothing.
    /// </summary>
    public void RequestSwap(string id, bool rehearsal, TimeSpan now)
    {
        if (_swap?.Id == id || _rehearsal?.Id == id) return;
        if (SwapRefusal() is { } refusal)
        {
            FinishAction(id, false, refusal, [], [new ReadinessCheck("replication", false, refusal)]);
            return;
        }

        if (rehearsal)
        {
            _rehearsal = new Rehearsal(id, now + SessionLimits.SwapQueryMax);
        }
        else
        {
            _swap = new SwapUnderWay(id, now) { Deadline = now + SessionLimits.SwapQueryMax };
            _cutDue = now;
        }

        _link!.Send(new SwapQuery(id));
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
        if (_swap is not null || _rehearsal is not null) return "another swap is under way";
        if (_claim is not null || _paused != PausedBy.Nobody) return "the VM is held: " + _heldReason;
        if (_link is null || _phase != LinkPhase.Streaming) return "no shadow is connected: " + _linkReason;
        if (_resyncing || _acknowledged == EpochNumber.None)
            return "the shadow holds no complete epoch of this session yet";
        if (!_disks.IsReady) return "the disks are not mirrored: " + _disks.Detail;
        return _trouble.Length > 0 ? "the last sync had trouble: " + _trouble : null;
    }

    private void OnSwapReadiness(SwapReadiness said, TimeSpan now)
    {
        if (_rehearsal is { } rehearsal && rehearsal.Id == said.Swap) EndRehearsal(said, "", now);
        if (_swap is not { Phase: SwapPhase.Prepare } || _swap.Id != said.Swap) return;
        string trouble = said.Standby.Length > 0 ? said.Standby : said.Claim;
        if (trouble.Length > 0)
        {
            EndSwap(false, "the shadow is not ready: " + trouble, now);
            return;
        }

        _swap.IsShadowReady = true;
        _swap.Deadline = now + SessionLimits.PrepareMax;
    }

    private void EndRehearsal(SwapReadiness? said, string trouble, TimeSpan now)
    {
        Rehearsal rehearsal = _rehearsal!;
        _rehearsal = null;
        string refusal = trouble.Length > 0 ? trouble : SwapRefusal() ?? "";
        var checks = new List<ReadinessCheck>
        {
            new("replication", refusal.Length == 0, refusal.Length > 0
                ? refusal
                : $"the shadow holds {_acknowledged}, cut {(now - _acknowledgedCutAt).TotalMilliseconds:0} ms ago"),
        };
        if (said is not null)
        {
            checks.Add(new("standby", said.Standby.Length == 0, said.Standby.Length > 0
                ? said.Standby : $"it answers, and the device state of {said.Committed} is whole"));
            checks.Add(new("claim", said.Claim.Length == 0, said.Claim.Length > 0
                ? said.Claim : "the controller answers the shadow, which would win"));
        }

        ReadinessCheck? missing = checks.Find(static check => !check.Holds);
        FinishAction(
            rehearsal.Id, missing is null, missing?.Detail ?? "everything that a swap needs is there", [], checks);
    }

    // An epoch that is cut after the swap was asked for comes first: the last one is small then, and whatever an epoch
    // needs was just used.
    private bool IsFreshEpochDue =>
        _swap is { Phase: SwapPhase.Prepare } && _acknowledgedCutAt < _swap.Clock.StartedAt;

    private bool IsFinalDue => _swap is { Phase: SwapPhase.Prepare, IsShadowReady: true } && !IsFreshEpochDue;

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
        _swap!.Clock.Passed(SwapPhases.Prepare, now);
        _swap.Clock.Passed(SwapPhases.Pause, now + report.Pause);
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
        _swap!.Clock.Passed(SwapPhases.FinalEpoch, now);
        _swap.Phase = SwapPhase.Permitted;
        _swap.Deadline = now + SessionLimits.PermitMax;
        _link!.Send(new SwapPermit(_swap.Id, _generation, _swap.Epoch));
    }

    private void OnSwapDone(SwapDone done, TimeSpan now)
    {
        if (done.Generation <= _generation || done.Generation <= _keptFrom) return;
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
        if (_rehearsal is not null) EndRehearsal(null, "the link was lost", now);
        if (_swap is null) return;
        if (_swap.Phase != SwapPhase.Permitted) EndSwap(false, "the link was lost", now);
        else if (_claim is null && _yielded == Generation.None)
            BeginClaim(_swap.Id, "the link was lost after the permit", now);
    }

    private static string NoAnswer => string.Create(
        CultureInfo.InvariantCulture,
        $"the shadow gave no answer for {SessionLimits.SwapQueryMax.TotalSeconds:0.0} s");

    private bool IsAnswerMissing => _swap is { Phase: SwapPhase.Prepare, IsShadowReady: false };

    private TimeSpan TickRehearsal(TimeSpan now)
    {
        if (_rehearsal is null) return TimeSpan.MaxValue;
        if (now < _rehearsal.Deadline) return _rehearsal.Deadline;
        EndRehearsal(null, NoAnswer, now);
        return now;
    }

    private TimeSpan TickSwap(TimeSpan now)
    {
        if (_swap is null || _claim is not null || _yielded != Generation.None) return TimeSpan.MaxValue;
        if (now < _swap.Deadline) return _swap.Deadline;
        if (_swap.Phase == SwapPhase.Permitted) BeginClaim(_swap.Id, "the shadow did not run in time", now);
        else EndSwap(false, IsAnswerMissing ? NoAnswer : $"{_swap.Phase} took too long", now);
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

        FinishAction(swap.Id, succeeded, detail, swap.Clock.Phases);
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
            if (_swap.Clock.Phases.All(static p => p.Name != SwapPhases.Resume))
                _swap.Clock.Passed(SwapPhases.Fence, now);
            EndSwap(done, done ? reason : "the VM was taken over: " + reason, now);
        }

        if (_rehearsal is not null) EndRehearsal(null, reason, now);
        foreach (PendingSync sync in _syncs) FinishAction(sync.Id, false, reason, []);
        _syncs.Clear();
        if (_stateConfirmed) _guest.SetRunDeadline(null);
        _effects.OwnershipLost(generation, reason);
    }
}
