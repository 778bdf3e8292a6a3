using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <content>When the disks' writes are sent, and how much of them may wait.</content>
public sealed partial class SourceSession
{
    private readonly DiskPatience _diskPatience = new();
    private long _tailStamp;

    // Writes of an open epoch wait to be replaced by newer ones, and what waits is sent after the cut: not in a copy of
    // the disks, whose log is to be emptied; not before a swap, whose last epoch is to be small; not where an epoch is
    // put off until enough was sent.
    private long DiskBytesDue
    {
        get
        {
            if (!_disks.HasMore) return 0;
            bool mayWait = _disks.Follows && !_resyncing && _swap is null && _policy.ThresholdLowBytes == 0;
            return mayWait ? _diskPatience.Surplus(_disks.WaitingBytes) : SessionLimits.DiskBytesPerStep;
        }
    }

    private TimeSpan SendDisks(long due, TimeSpan now)
    {
        OpenEpoch();
        if (!_disks.SendSome(_writer, Math.Min(due, StepBytes(SessionLimits.DiskBytesPerStep)))) SendHello(now);
        else if (!_disks.HasMore) _disks.Flush(_writer);
        return now;
    }

    // A sign of life behind the last of an epoch's data: its echo tells when the shadow had all of it, which the
    // acknowledgement, after the commit, does not. Dated back by the least there is, so that no other is like it.
    private void AskForEcho(TimeSpan now)
    {
        _tailStamp = 0;
        if (_resyncing || _cutFinal) return;
        _tailStamp = now.Ticks - 1;
        _link!.Send(new Heartbeat(_generation, _tailStamp));
    }

    private void OnEcho(HeartbeatEcho echo, TimeSpan now)
    {
        if (echo.Generation != _generation) return;
        WitnessAnswered(new TimeSpan(echo.Stamp));
        if (echo.Stamp > _endSentAt.Ticks) EndIsThere(now);
        if (echo.Stamp != _tailStamp) return;
        _tailStamp = 0;
        _diskPatience.Learn(_disks.WaitedAtCut, now - _lastCut, Interval);
    }
}
