using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>
/// The session's dealings with the connection: hello, what both sides still share, hashes, signs of life.
/// </summary>
public sealed partial class SourceSession
{
    private readonly Queue<HashRequest> _hashRequests = new();
    private TimeSpan _hashesHeardAt;
    private bool _disksNeedCopy = true;
    private bool _mustResync = true;
    private bool _resyncing;
    private bool _blankSeed;
    private int _hashDisk;
    private long _hashNext;
    private TimeSpan _resyncStarted;
    private long _resyncPages;

    private void SendHello(TimeSpan now)
    {
        _phase = LinkPhase.Hello;
        _linkReason = "waiting for the shadow's answer";
        _writer.Abandon();
        _barrierTail = false;
        ForgetAckDeadline();
        _hashRequests.Clear();
        if (_swap is { Phase: SwapPhase.FinalEpoch }) EndSwap(false, "the epochs had to begin anew", now);
        _options.Codecs.History?.BeginSending();
        _link!.Send(new SourceHello(
            _options.Vm, _generation, _options.Session, _guest.PageCount, _guest.Disks.Geometry));
    }

    private void OnHello(ShadowHello hello, TimeSpan now)
    {
        if (hello.Outcome == HelloOutcome.StaleGeneration || hello.Generation > _generation)
        {
            OnStaleGeneration(hello, now);
            return;
        }

        if (hello.Outcome != HelloOutcome.Accepted)
        {
            CloseLink($"the shadow's host does not take the VM: {hello.Outcome}, {hello.Reason}", now);
            return;
        }

        if (hello.Committed > _newestEpoch) _newestEpoch = hello.Committed;
        if (CanGoOn(hello, now)) GoOn(now);
        else Resync(hello, now);
    }

    // Whether the shadow holds an epoch since which nothing was forgotten here.
    private bool CanGoOn(ShadowHello hello, TimeSpan now)
    {
        if (_mustResync || hello.Committed == EpochNumber.None) return false;
        if (_unacknowledged is { } cut && cut.Report.Epoch == hello.Committed && cut.Report.Digest == hello.Digest)
        {
            // It was committed, and only the acknowledgement was lost.
            AcceptAck(now);
            return true;
        }

        return hello.Committed == _acknowledged && hello.Digest == _acknowledgedDigest;
    }

    private void GoOn(TimeSpan now)
    {
        _unacknowledged = null;
        _pages.TakeBack();
        bool disksGoOn = _disks.TakeBack() && !_disks.IsBroken && !_disksNeedCopy;
        if (disksGoOn)
        {
            Stream(now);
            return;
        }

        string trouble = _disks.Detail.Length > 0 ? _disks.Detail : "their log does not reach back";
        bool catchesUp = !_disksNeedCopy && _disks.CanCatchUp && _disks.CatchUp().Succeeded;
        _effects.Report("sync.resync", catchesUp
            ? $"{_disks.OwedBytes} bytes of the disks are read again: {trouble}"
            : "the disks are compared by hashes: " + trouble);
        BeginResync(now, blank: false);
        if (catchesUp)
        {
            BeginCopy(now);
            return;
        }

        _disks.BeginAnew();
        BeginHashing(firstDisk: 0, now);
    }

    private void Resync(ShadowHello hello, TimeSpan now)
    {
        _effects.Report("sync.resync", hello.Blank
            ? "the shadow is empty and gets its first copy"
            : $"the shadow holds {hello.Committed} and is compared by hashes");
        _unacknowledged = null;
        _mustResync = true;
        _acknowledged = hello.Committed;
        _acknowledgedDigest = hello.Digest;
        BeginResync(now, hello.Blank);
        CallOutcome armed = _pages.BeginAnew();
        if (!armed.Succeeded)
        {
            GuestFailed("arming the tracker", armed, now);
            CloseLink("dirty pages cannot be tracked", now);
            return;
        }

        _disks.BeginAnew();
        if (hello.Blank)
        {
            _pages.SetShadowBlank();
            _disks.SetShadowBlank();
            _phase = LinkPhase.Hashing;
            _hashDisk = _disks.Geometry.Count;
            FinishHashing(now);
            return;
        }

        BeginHashing(firstDisk: -1, now);
    }

    private void BeginResync(TimeSpan now, bool blank)
    {
        _resyncing = true;
        _blankSeed = blank || _acknowledged == EpochNumber.None;
        _resyncStarted = now;
        _resyncWire = _resyncPaid = 0;
        _resyncMaySend = now;
        _disksNeedCopy = true;
    }

    private void BeginHashing(int firstDisk, TimeSpan now)
    {
        _phase = LinkPhase.Hashing;
        _hashDisk = firstDisk;
        _hashNext = 0;
        _hashesHeardAt = now;
        TickHashing(now);
    }

    private long HashUnits(int disk) => disk < 0 ? _guest.PageCount : _disks.Blocks(disk);

    private TimeSpan TickHashing(TimeSpan now)
    {
        while (_hashDisk < _disks.Geometry.Count && _hashRequests.Count < SessionLimits.HashRequestsMax)
        {
            if (_hashNext == HashUnits(_hashDisk))
            {
                _hashDisk++;
                _hashNext = 0;
                continue;
            }

            int count = (int)Math.Min(ProtocolLimits.HashesPerMessage, HashUnits(_hashDisk) - _hashNext);
            HashRequest request = new(_hashDisk, _hashNext, count);
            _hashRequests.Enqueue(request);
            _link!.Send(request);
            _hashNext += count;
        }

        if (_hashDisk == _disks.Geometry.Count && _hashRequests.Count == 0) FinishHashing(now);
        if (_phase == LinkPhase.Streaming) return now;
        return _guestRetryAt > now ? _guestRetryAt : TimeSpan.MaxValue;
    }

    private void OnHashes(HashReply reply, TimeSpan now)
    {
        if (!_hashRequests.TryDequeue(out HashRequest? asked) || asked.Disk != reply.Disk || asked.First != reply.First
            || reply.Hashes.Length != asked.Count * 8)
        {
            CloseLink("the shadow's hashes are not those that were asked for", now);
            return;
        }

        _hashesHeardAt = now;
        if (reply.Disk < 0) _pages.SetShadowHashes(reply.First, reply.Hashes.Span);
        else _disks.SetShadowHashes(reply.Disk, reply.First, reply.Hashes.Span);
        TickHashing(now);
    }

    private void FinishHashing(TimeSpan now)
    {
        // Without it the log would not tell everything since the hashes were taken.
        if (now < _guestRetryAt) return;
        CallOutcome started = _disks.StartCopy();
        if (!started.Succeeded)
        {
            GuestFailed("starting the disks' copy", started, now);
            return;
        }

        BeginCopy(now);
    }

    private void BeginCopy(TimeSpan now)
    {
        _disksNeedCopy = false;
        _mustResync = false;
        _resyncPending = Math.Max(1, _pages.PendingCount);
        Stream(now);
    }

    private void Stream(TimeSpan now)
    {
        _phase = LinkPhase.Streaming;
        if (!_resyncing) _options.Codecs.History?.Offer();
        _linkReason = "";
        _rounds = 0;
        _round = _pages.PendingCount > 0;
        ForgetAckDeadline();
        _cutDue = Min(_cutDue, now + Interval);
        _diskPatience.Reset();
        _tailStamp = 0;
    }

    private void CloseLink(string reason, TimeSpan now)
    {
        if (_link is null) return;
        _effects.Report("link.closed", reason);
        _effects.CloseLink(reason);
        LinkDown(reason, now);
    }

    private TimeSpan TickLink(TimeSpan now)
    {
        TimeSpan silentAt = _lastReceived + SessionLimits.SilenceMax;

        // While an epoch is being committed the shadow may be busy for longer; AckMax watches over that, and over one
        // that lives, has had the epoch's end and says nothing of it. One that has not may be behind a slow link.
        if (_isEndThere) silentAt = _ackDeadline;
        else if (_ackDeadline != TimeSpan.MaxValue) silentAt = Max(silentAt, _ackDeadline);
        if (now >= silentAt)
        {
            CloseLink(_ackDeadline != TimeSpan.MaxValue
                ? $"no acknowledgement for {SessionLimits.AckMax.TotalSeconds:0} s"
                : $"nothing heard for {SessionLimits.SilenceMax.TotalSeconds:0} s", now);
            return TimeSpan.MaxValue;
        }

        // A shadow that lives, but was greeted once more by a late repetition, has forgotten what it was asked.
        TimeSpan unansweredAt = _phase == LinkPhase.Hashing && _hashRequests.Count > 0
            ? _hashesHeardAt + SessionLimits.HashesMax
            : TimeSpan.MaxValue;
        if (now >= unansweredAt)
        {
            CloseLink($"no hashes for {SessionLimits.HashesMax.TotalSeconds:0} s", now);
            return TimeSpan.MaxValue;
        }

        return Min(Min(Beat(now), silentAt), unansweredAt);
    }

    // When the next one is due.
    private TimeSpan Beat(TimeSpan now)
    {
        if (now >= _lastHeartbeat + ProtocolLimits.HeartbeatInterval)
        {
            _link!.Send(new Heartbeat(_generation, now.Ticks));
            _lastHeartbeat = now;
        }

        return _lastHeartbeat + ProtocolLimits.HeartbeatInterval;
    }

    private double ResyncProgress()
    {
        if (!_resyncing) return 1;
        double pages = _phase == LinkPhase.Streaming ? 1 - ((double)_pages.PendingCount / _resyncPending) : 0;
        return Math.Clamp(Math.Min(pages, _disks.Progress), 0, 0.999);
    }
}
