namespace Umbra.Core.Epochs;

/// <summary>The end of protection: the guest runs on, and no lease or swap of this session has a hold on it.</summary>
public sealed partial class SourceSession
{
    private const string ProtectionEnded = "protection was turned off";

    /// <summary>
    /// Lets go of the guest because its protection is turned off: calls off a swap, ends the lease with the guard, and
    /// has the guest run. Afterwards the session must not be used any more.
    /// </summary>
    /// <param name="now">The session's clock.</param>
    /// <returns>
    /// False: another host may win the VM or has won it, no witness confirms the lease at the moment, or the guest does
    /// not follow. The session is still needed then; try again later.
    /// </returns>
    public bool TryEndProtection(TimeSpan now)
    {
        bool fenceIsOpen = _lost || _claim is not null || IsYielded || _swap is { Phase: SwapPhase.Permitted };
        // Without a witness this very order may be from before a takeover.
        if (fenceIsOpen || (_lease is not null && !_lease.MayRun(now))) return false;

        // The guard may have stopped the guest meanwhile, or be about to.
        if (_lease is not null) _held ??= new HeldMark(HeldReason.Lease, _generation, "");
        _lease = null;
        SetRunDeadline();
        if (_swap is not null) EndSwap(false, ProtectionEnded, now);
        if (_rehearsal is not null) EndRehearsal(null, ProtectionEnded, now);
        if (_paused == PausedBy.Lease) _paused = PausedBy.Nobody;
        foreach (PendingSync sync in _syncs) FinishAction(sync.Id, false, ProtectionEnded, []);
        _syncs.Clear();
        LetRun(now);
        return _stateConfirmed;
    }
}
