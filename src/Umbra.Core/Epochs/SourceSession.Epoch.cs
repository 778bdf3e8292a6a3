using System.Globalization;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>
/// The session's epochs: rounds while the guest runs, the barrier, what follows it, the acknowledgement.
/// </summary>
public sealed partial class SourceSession
{
    private readonly TimeSpan _startedAt;
    private byte[] _configuration = [];
    private byte[] _acknowledgedConfiguration = [];
    private EpochNumber _newestEpoch;
    private EpochNumber _newestCut;
    private EpochNumber _acknowledged;
    private ulong _acknowledgedDigest;
    private TimeSpan _acknowledgedCutAt;
    private TimeSpan _ackDeadline = TimeSpan.MaxValue;
    private TimeSpan _endSentAt;
    private bool _isEndThere;
    private TimeSpan _lastCut;
    private TimeSpan _cutDue;
    private TimeSpan _guestRetryAt;
    private TimeSpan _seedTime;
    private CutEpoch? _unacknowledged;
    private EpochReport? _cutReport;
    private string _budgetTrouble = "";
    private bool _cutFinal;
    private bool _barrierTail;
    private bool _round;
    private int _rounds;
    private long _lastRoundPages;
    private long _resyncPending = 1;
    private long _resyncWire;
    private long _resyncPaid;
    private TimeSpan _resyncMaySend;
    private long _epochs;
    private long _rawBytes;
    private long _wireBytes;
    private long _diskRawBytes;
    private long _diskWireBytes;

    private sealed record CutEpoch(EpochReport Report, byte[] Configuration);

    private EpochNumber Base => _unacknowledged?.Report.Epoch ?? _acknowledged;

    private TimeSpan TickEpoch(TimeSpan now)
    {
        if (_barrierTail) return SendTail(now);
        if (!_mayRun) return TimeSpan.MaxValue;
        if (_disks.IsBroken || _disksNeedCopy)
        {
            SendHello(now);
            return TimeSpan.MaxValue;
        }

        if (!_link!.HasRoom) return TimeSpan.MaxValue;
        if (RateLimitedUntil(now) is { } later) return later;
        if (now < _guestRetryAt) return _guestRetryAt;
        if (DiskBytesDue is > 0 and var due) return SendDisks(due, now);
        if (_round) return SendRound(now);
        if (now < _cutDue && !CutWanted) return _cutDue;
        return Decide(now);
    }

    private bool CutWanted => _syncs.Count > 0 || IsFreshEpochDue || IsFinalDue;

    // What was sent moves the time on from which more may be; time in which nothing was sent (the shadow hashes or
    // acknowledges, the link is full) is not made up for beyond a burst.
    private TimeSpan? RateLimitedUntil(TimeSpan now)
    {
        if (!_resyncing || _policy.ResyncBytesPerSecond <= 0) return null;
        long sent = _resyncWire + (_writer.IsOpen ? _writer.WireBytes : 0);
        TimeSpan cost = TimeSpan.FromSeconds((double)(sent - _resyncPaid) / _policy.ResyncBytesPerSecond);
        _resyncPaid = sent;
        _resyncMaySend = Max(_resyncMaySend, now - SessionLimits.ResyncBurst) + cost;
        return _resyncMaySend > now ? _resyncMaySend : null;
    }

    // A step of a seed is no longer than a burst, and no shorter than a page.
    private int StepBytes(int most)
    {
        if (!_resyncing || _policy.ResyncBytesPerSecond <= 0) return most;
        double burst = _policy.ResyncBytesPerSecond * SessionLimits.ResyncBurst.TotalSeconds;
        return (int)Math.Clamp(burst, Sizes.Page, most);
    }

    private void OpenEpoch()
    {
        if (_writer.IsOpen) return;
        _newestEpoch = _newestEpoch.Next;
        _writer.Open(_link!, _generation, _newestEpoch, Base);
    }

    private TimeSpan SendRound(TimeSpan now)
    {
        OpenEpoch();
        CallOutcome sent = _pages.SendSome(_writer, StepBytes(SessionLimits.PagesPerStep * Sizes.Page) / Sizes.Page);
        if (!sent.Succeeded) return GuestFailed("copying pages", sent, now);
        if (_pages.PendingCount > 0) return now;
        _pages.Flush(_writer);
        _round = false;
        _rounds++;
        return now;
    }

    // An epoch is due: another round, the barrier, or something to wait for.
    private TimeSpan Decide(TimeSpan now)
    {
        bool mayCut = _unacknowledged is null && _disks.IsReady;
        if (!mayCut && _rounds > 0) return _unacknowledged is null ? now + SessionLimits.DiskPoll : TimeSpan.MaxValue;
        if (_rounds > 0 && PutOff(now)) return _cutDue;
        CallOutcome scanned = _pages.Scan();
        if (!scanned.Succeeded) return DirtyUnknown(scanned, now);
        long dirty = _pages.PendingCount;
        if (!mayCut || AnotherRoundPays(dirty))
        {
            _lastRoundPages = dirty;
            _round = dirty > 0;
            if (!_round) _rounds++;
            return now;
        }

        return Barrier(now);
    }

    private bool AnotherRoundPays(long dirty)
    {
        if (dirty <= SessionLimits.RoundPagesMin) return _rounds == 0 && _policy.ThresholdLowBytes > 0;
        if (_rounds == 0) return true;
        int roundsMax = _resyncing ? SessionLimits.ResyncRoundsMax : SessionLimits.RoundsMax;
        if (IsFinalDue) return dirty < _lastRoundPages * 3 / 4 && _rounds < roundsMax;
        long fit = _pauses.PagesWithin(_policy.PauseBudget, _pages.PauseCapacity);
        return dirty > fit && dirty < _lastRoundPages * 3 / 4 && _rounds < roundsMax;
    }

    // An epoch with too little in it waits for more, but not for ever; what is asked for is cut at once.
    private bool PutOff(TimeSpan now)
    {
        if (_policy.ThresholdLowBytes == 0 || _resyncing || CutWanted || IsUrgent) return false;
        if (_writer.IsOpen && _writer.WireBytes >= _policy.ThresholdLowBytes) return false;
        TimeSpan last = _lastCut + Max(_policy.IntervalMax, _policy.Interval);
        if (now >= last) return false;
        _cutDue = Min(now + Interval, last);
        _rounds = 0;
        return true;
    }

    private TimeSpan Barrier(TimeSpan now)
    {
        bool final = IsFinalDue;
        if (final && !SwapMayPause(now)) return now;
        OpenEpoch();
        _deviceState.ResetWrittenCount();
        CallOutcome stopped = _guest.Pause();
        if (!stopped.Succeeded) return BarrierFailed("stopping the guest", stopped, now);
        CallOutcome copied = ScanAndCopyPaused(
            out TimeSpan scanCopy, out long pages, out long overflow, out bool scanned);
        if (!copied.Succeeded)
        {
            BarrierFailed("copying pages in the pause", copied, now);
            return scanned ? _guestRetryAt : DirtyUnknown(copied, now);
        }

        CallOutcome saved = _guest.SaveDeviceState();
        if (!saved.Succeeded) return BarrierFailed("saving the device state", saved, now);
        CallOutcome cut = _disks.Cut();
        if (!cut.Succeeded) return BarrierFailed("cutting the disks", cut, now);
        _configuration = _guest.Configuration.ToArray();
        CallOutcome resumed = final ? CallOutcome.Done : LetRun(now);
        CallOutcome taken = TakeDeviceState();
        if (!taken.Succeeded) return BarrierFailed("reading the device state", taken, now);
        _pages.KeepPaused();
        _cutFinal = final;
        _barrierTail = true;
        _cutReport = new EpochReport
        {
            Epoch = _writer.Epoch, Digest = 0, CutAt = now, AcknowledgedAt = now, Resync = _resyncing,
            Pages = 0, PausedPages = pages, OverflowPages = overflow, RawBytes = 0, WireBytes = 0,
            Stop = stopped.Duration, ScanCopy = scanCopy, DiskCut = cut.Duration, Continue = resumed.Duration,
            DeviceState = final ? saved.Duration + taken.Duration : saved.Duration,
        };
        AfterCut(now);
        if (final) SwapPaused(now, _cutReport);
        return now;
    }

    // After the guest was let run, which need not wait for it; before anything of the epoch counts.
    private CallOutcome TakeDeviceState()
    {
        CallOutcome taken = _guest.TakeDeviceState(_deviceState);
        return taken.Succeeded && _deviceState.WrittenCount is 0 or > SessionLimits.DeviceStateBytesMax
            ? CallOutcome.Failed($"a device state of {_deviceState.WrittenCount} bytes")
            : taken;
    }

    private void AfterCut(TimeSpan now)
    {
        _newestCut = _writer.Epoch;
        _lastCut = now;
        _rounds = 0;
        _round = false;

        // A fixed rate, unless it fell behind by more than an interval.
        _cutDue = Max(_cutDue + Interval, now);
        if (_cutDue > now + Interval) _cutDue = now + Interval;
    }

    private CallOutcome ScanAndCopyPaused(out TimeSpan time, out long pages, out long overflow, out bool scanned)
    {
        CallOutcome outcome = _pages.Scan();
        scanned = outcome.Succeeded;
        time = outcome.Duration;
        pages = _pages.PendingCount;
        overflow = 0;

        // What the buffer cannot hold goes out inside the pause: longer, but bounded by the guest's RAM and exact.
        while (outcome.Succeeded && _pages.PendingCount > _pages.PauseCapacity)
        {
            long before = _pages.PendingCount;
            long surplus = before - _pages.PauseCapacity;
            outcome = _pages.SendSome(_writer, (int)Math.Min(surplus, SessionLimits.PagesPerStep));
            time += outcome.Duration;
            overflow += before - _pages.PendingCount;
        }

        if (!outcome.Succeeded) return outcome;
        outcome = _pages.CopyPaused();
        time += outcome.Duration;
        return outcome;
    }

    // Nothing that was copied or cut counts, and nothing is forgotten: the pages are still dirty, the log goes on.
    private TimeSpan BarrierFailed(string what, CallOutcome outcome, TimeSpan now)
    {
        _pages.DropPaused();
        _disks.DropCut();
        LetRun(now);
        if (_swap is { Phase: SwapPhase.Prepare }) EndSwap(false, $"{what} failed: {outcome.Detail}", now);
        return GuestFailed(what, outcome, now);
    }

    private TimeSpan GuestFailed(string what, CallOutcome outcome, TimeSpan now)
    {
        string trouble = $"{what} failed: {outcome.Detail}";
        if (trouble != _trouble) _effects.Report("sync.failed", trouble);
        _trouble = trouble;
        _guestRetryAt = now + SessionLimits.GuestRetry;
        return _guestRetryAt;
    }

    // What was written since the last scan is not known any more: only hashes tell.
    private TimeSpan DirtyUnknown(CallOutcome outcome, TimeSpan now)
    {
        _mustResync = true;
        GuestFailed("finding dirty pages", outcome, now);
        if (_swap is { Phase: SwapPhase.Prepare }) EndSwap(false, "dirty pages are not known", now);
        CloseLink("dirty pages are not known any more", now);
        return _guestRetryAt;
    }

    private TimeSpan SendTail(TimeSpan now)
    {
        if (!_link!.HasRoom && !_cutFinal) return TimeSpan.MaxValue;
        if (_pages.PausedLeft > 0)
        {
            _pages.SendPaused(_writer, SessionLimits.PagesPerStep);
            return now;
        }

        bool isCutKnown = _disks.FindCutEnd();
        if (_disks.Left > 0)
        {
            if (!_disks.SendSome(_writer, SessionLimits.DiskBytesPerStep)) SendHello(now);
            return now;
        }

        if (!isCutKnown) return WaitForCut(now);
        _pages.Flush(_writer);
        _disks.Flush(_writer);
        EndEpoch(now);
        return now;
    }

    // What the disks had in the pause is still being copied into their log; the shell calls when it is.
    private TimeSpan WaitForCut(TimeSpan now)
    {
        if (!_disks.IsBroken) return now + SessionLimits.DiskPoll;
        SendHello(now);
        return now;
    }

    private void EndEpoch(TimeSpan now)
    {
        AskForEcho(now);
        bool sendConfiguration = _resyncing || !_configuration.AsSpan().SequenceEqual(_acknowledgedConfiguration);
        ulong digest = _writer.End(
            _pages.Ram, _deviceState.WrittenMemory, _configuration, sendConfiguration, _cutFinal);
        _unacknowledged = new CutEpoch(
            _cutReport! with
            {
                Digest = digest,
                Pages = _writer.Pages,
                RawBytes = _writer.RawBytes,
                WireBytes = _writer.WireBytes,
            },
            _configuration);
        _rawBytes += _writer.RawBytes;
        _wireBytes += _writer.WireBytes;
        _diskRawBytes += _writer.DiskRawBytes;
        _diskWireBytes += _writer.DiskWireBytes;
        if (_resyncing) _resyncPages += _writer.Pages;
        if (_resyncing) _resyncWire += _writer.WireBytes;
        _pages.CutSent();
        _disks.CutSent();
        _barrierTail = false;
        _isEndThere = false;
        _endSentAt = now;
        _ackDeadline = now + SessionLimits.AckMax;
        if (_cutFinal) SwapEpochSent(now);
    }

    private void OnAck(EpochAck ack, TimeSpan now)
    {
        if (_unacknowledged is not { } cut || cut.Report.Epoch != ack.Epoch) return;
        if (cut.Report.Digest != ack.Digest)
        {
            _effects.Report("sync.mismatch", $"the shadow acknowledged {ack.Epoch} with another digest");
            _mustResync = true;
            SendHello(now);
            return;
        }

        bool final = _swap is { Phase: SwapPhase.FinalEpoch } && _swap.Epoch == ack.Epoch;
        AcceptAck(now);
        if (final) SwapFinalAcknowledged(now);
    }

    private void AcceptAck(TimeSpan now)
    {
        CutEpoch cut = _unacknowledged!;
        _unacknowledged = null;
        ForgetAckDeadline();
        _trouble = "";
        _acknowledged = cut.Report.Epoch;
        _acknowledgedDigest = cut.Report.Digest;
        _acknowledgedCutAt = cut.Report.CutAt;
        _acknowledgedConfiguration = cut.Configuration;
        _epochs++;
        _pages.Acknowledged();
        _disks.Acknowledged();
        if (_resyncing)
        {
            _resyncing = false;
            _options.Codecs.History?.Offer();
            if (_blankSeed) _seedTime = now - _resyncStarted;
            _effects.Report("sync.complete", $"the shadow holds {_acknowledged}");
        }

        EpochReport report = cut.Report with { AcknowledgedAt = now };
        _pauses.Add(report);
        CheckPauseBudget();
        _effects.EpochAcknowledged(report);
        FinishSyncs(cut.Report.CutAt);
    }

    // An echo of what was sent after an epoch's end: from now on the shadow is late with its answer, not the link.
    private void EndIsThere(TimeSpan now)
    {
        if (_isEndThere || _ackDeadline == TimeSpan.MaxValue) return;
        _isEndThere = true;
        _ackDeadline = now + SessionLimits.AckMax;
    }

    private void ForgetAckDeadline()
    {
        _isEndThere = false;
        _ackDeadline = TimeSpan.MaxValue;
    }

    // What can be done about it is done: more is sent ahead of the pause. The rest is told, once.
    private void CheckPauseBudget()
    {
        string before = _budgetTrouble;
        _budgetTrouble = _pauses.IsBeyond(_policy.PauseBudget)
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"epochs flow, but the pause budget of {_policy.PauseBudget.TotalMilliseconds:0.#} ms cannot be held: "
                + $"{_pauses.Mean.TotalMilliseconds:0.0} ms on average")
            : "";
        if (before.Length == 0 && _budgetTrouble.Length > 0) _effects.Report("sync.pause-budget", _budgetTrouble);
    }

    private void FinishSyncs(TimeSpan cutAt)
    {
        foreach (PendingSync sync in _syncs.Where(s => s.RequestedAt <= cutAt).ToArray())
        {
            _syncs.Remove(sync);
            FinishAction(sync.Id, true, $"the shadow holds {_acknowledged}", []);
        }
    }

    private void OnReject(EpochReject reject, TimeSpan now)
    {
        bool ours = _unacknowledged?.Report.Epoch == reject.Epoch || (_writer.IsOpen && _writer.Epoch == reject.Epoch);
        if (!ours) return;
        string trouble = $"the shadow refused {reject.Epoch}: {reject.Detail}";
        if (trouble != _trouble) _effects.Report("sync.rejected", trouble);
        _trouble = trouble;
        if (_swap is { Phase: SwapPhase.Prepare or SwapPhase.FinalEpoch }) EndSwap(false, trouble, now);
        if (reject.Reason is RejectReason.Corrupt or RejectReason.Gap) _mustResync = true;
        if (reject.Reason == RejectReason.Storage) CloseLink(trouble, now);
        else SendHello(now);
    }
}
