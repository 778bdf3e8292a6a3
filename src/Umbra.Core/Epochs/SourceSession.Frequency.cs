using Umbra.Core.Frequency;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <content>How often epochs are cut: by the policy, and by what speaks against this host's hardware.</content>
public sealed partial class SourceSession
{
    private SyncFrequency _frequency;
    private DriftNotice? _notice;
    private TimeSpan _noticeAt;
    private double _hardwareWeight;
    private string _hardwareWhy = "";
    private TimeSpan _frequencyDue;

    private TimeSpan Interval => _frequency.Interval;

    // What the policy puts off is not put off while the host may be going.
    private bool IsUrgent => _frequency.Interval < _policy.Interval;

    /// <summary>
    /// What this host's own hardware events weigh (<c>SuspicionRule</c>, 1 equals a drift verdict), and what they are.
    /// </summary>
    public void SetHardwareEvidence(double weight, string why, TimeSpan now)
    {
        (_hardwareWeight, _hardwareWhy) = (weight, why);
        UpdateFrequency(now);
    }

    private void OnDriftNotice(DriftNotice notice, TimeSpan now)
    {
        if (notice.Generation != _generation) return;
        (_notice, _noticeAt) = (notice, now);
        UpdateFrequency(now);
    }

    private void TickFrequency(TimeSpan now)
    {
        if (now < _frequencyDue) return;
        _frequencyDue = now + SessionLimits.FrequencyLook;
        UpdateFrequency(now);
    }

    private void UpdateFrequency(TimeSpan now)
    {
        double weight = _hardwareWeight;
        string why = _hardwareWhy;
        if (_notice is { } notice && now - _noticeAt <= SessionLimits.DriftNoticeMax)
        {
            double drift = notice.Weight / 1000.0;
            if (notice.Hint) drift = Math.Max(drift, HazardModel.HintWeight);
            string said = notice.Explanation.Length > 0 ? notice.Explanation : "a hint of drift";
            if (drift >= weight) (weight, why) = (drift, said);
        }

        if (!_frequency.Update(_policy, weight, why, _pauses.Mean, now)) return;
        _cutDue = Min(_cutDue, now + Interval);
        _effects.Report(
            "sync.interval", $"an epoch every {Interval.TotalMilliseconds:0} ms from now on: {_frequency.Reason}");
    }
}
