using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>Whether the guest may run, and seeing to it that it does or does not.</summary>
public sealed partial class SourceSession
{
    private PausedBy _paused;
    private HeldMark? _held;
    private string _heldReason = "";
    private bool _stateConfirmed;
    private TimeSpan _runRetryAt;
    private TimeSpan? _guardMayStopAt;

    private enum PausedBy
    {
        /// <summary>It may run.</summary>
        Nobody,

        /// <summary>The lease is over.</summary>
        Lease,

        /// <summary>A swap has it: paused for its final epoch, or held for a claim.</summary>
        Swap,
    }

    private bool _mayRun => _paused == PausedBy.Nobody;

    private HeldMark LeaseMark => new(HeldReason.Lease, _generation, "");

    private void BeginHolding(HeldMark? held, TimeSpan now)
    {
        _held = held;
        // The policy has changed while no agent was here: what an earlier one put in force would stop the guest.
        if (_lease is null && _options.LeaseCarriedUntil is not null) SetRunDeadline();
        if (held is { Reason: HeldReason.Swap })
        {
            _paused = PausedBy.Swap;
            _heldReason = $"the swap {held.Swap} was under way when the agent stopped";
            BeginClaim(held.Swap, "the agent was restarted during a swap", now);
        }
        else if (held is not null || (_lease is not null && !_lease.MayRun(now)))
        {
            _paused = PausedBy.Lease;
            _heldReason = "no witness has confirmed the lease yet";
        }
    }

    private PrimaryLease StartLease(TimeSpan length, TimeSpan now)
    {
        // It ran without one so far; the first lease begins with the order to run under it.
        return new PrimaryLease(length, now + length);
    }

    private void WitnessAnswered(TimeSpan sentAt)
    {
        if (_lease is null || _lost) return;
        _lease.Answered(sentAt);
        SetRunDeadline();
    }

    private void SetRunDeadline() => _guest.SetRunDeadline(_lease?.Deadline);

    private TimeSpan TickRunning(TimeSpan now)
    {
        if (_paused == PausedBy.Swap) return TickStill(now);
        bool leaseHolds = _lease is null || _lease.MayRun(now);
        if (leaseHolds && _mayRun && _guardMayStopAt is { } stopAt && now >= stopAt)
        {
            // The session was late: the guard may have stopped the guest before the answer that holds now came.
            _held ??= LeaseMark;
            _stateConfirmed = false;
        }

        if (!leaseHolds && _paused != PausedBy.Lease) HoldForLease(now);
        if (leaseHolds && _paused == PausedBy.Lease)
        {
            _paused = PausedBy.Nobody;
            _stateConfirmed = false;
            _runRetryAt = now;
            _effects.Report("lease.regained", "a witness confirmed the lease: the VM runs on");
        }

        if (!_stateConfirmed && now >= _runRetryAt)
        {
            if (_mayRun) LetRun(now);
            else KeepStill(LeaseMark, now);
        }

        _guardMayStopAt = _lease?.Deadline;
        TimeSpan next = _stateConfirmed ? TimeSpan.MaxValue : _runRetryAt;
        return _mayRun && _lease?.Deadline is { } deadline ? Min(next, deadline) : next;
    }

    private void HoldForLease(TimeSpan now)
    {
        _paused = PausedBy.Lease;
        _heldReason = "neither the controller nor the shadow has confirmed the lease in time";
        _effects.Report("lease.lost", _heldReason);
        if (_swap is not null) EndSwap(false, _heldReason, now);
        KeepStill(LeaseMark, now);
    }

    // The guard skips what is marked. So the note follows the stop: a guest that may still run keeps its guard.
    private void KeepStill(HeldMark mark, TimeSpan now)
    {
        CallOutcome outcome = _guest.Stop();
        // Also when it is not noted here: the guard may do so meanwhile.
        _held = mark;
        if (outcome.Succeeded) outcome = Mark(mark);
        _stateConfirmed = outcome.Succeeded;
        _runRetryAt = now + SessionLimits.GuestRetry;
        if (!outcome.Succeeded) GuestFailed("stopping the guest for good", outcome, now);
    }

    // A guest that only a claim lets run again, or nothing at all.
    private TimeSpan TickStill(TimeSpan now)
    {
        if (_stateConfirmed) return TimeSpan.MaxValue;
        if (now < _runRetryAt) return _runRetryAt;
        KeepStill(_held!, now);
        if (_lost && _stateConfirmed) _guest.SetRunDeadline(null);
        return _stateConfirmed ? TimeSpan.MaxValue : _runRetryAt;
    }

    // The durable note goes before the first instruction, so that no restart finds a running guest marked as held.
    private CallOutcome LetRun(TimeSpan now)
    {
        if (!_mayRun) return CallOutcome.Done;
        if (_lease is not null && !_lease.MayRun(now))
        {
            HoldForLease(now);
            return CallOutcome.Done;
        }

        CallOutcome outcome = CallOutcome.Done;
        if (_held is not null) outcome = _guest.ClearHeld();
        if (outcome.Succeeded)
        {
            _held = null;
            outcome = _guest.Resume();
        }

        _stateConfirmed = outcome.Succeeded;
        _runRetryAt = now + SessionLimits.GuestRetry;
        if (!outcome.Succeeded) GuestFailed("letting the guest run", outcome, now);
        return outcome;
    }

    private CallOutcome Mark(HeldMark mark)
    {
        // Also when it fails: it may have reached the disk.
        _held = mark;
        return _guest.MarkHeld(mark);
    }
}
