using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>A session syncs as often as what speaks against its hardware asks for.</summary>
public sealed class FrequencyTests
{
    private static readonly ProtectionPolicy Policy = new()
    {
        Interval = TimeSpan.FromSeconds(1), IntervalMin = TimeSpan.FromMilliseconds(50),
    };

    private readonly PairRig _rig = new(Policy);

    public FrequencyTests()
    {
        _rig.Connect();
        _rig.RunUntil(() => _rig.Source.Status(_rig.Now).Protection == ProtectionState.Protected);
    }

    [Fact]
    public void A_hint_makes_epochs_come_faster_within_a_second_and_the_event_says_why()
    {
        int before = EpochsIn(TimeSpan.FromSeconds(3));
        Tell(weight: 0, hint: true);
        Assert.True(Interval < Policy.Interval / 3);
        int after = EpochsIn(TimeSpan.FromSeconds(3));
        Assert.True(after >= before * 3, $"{before} epochs before, {after} after");
        Assert.Contains(_rig.SourceSaid.Reports, static report => report.Kind == "sync.interval");
    }

    [Fact]
    public void What_the_shadow_says_of_another_generation_does_not_count()
    {
        _rig.Source.On(new DriftNotice(new Generation(7), 2000, true, "disk"), _rig.Now);
        Assert.Equal(Policy.Interval, Interval);
    }

    [Fact]
    public void The_hosts_own_hardware_counts_without_a_word_of_the_shadow()
    {
        _rig.Source.SetHardwareEvidence(0.5, "FAN1: stopped", _rig.Now);
        Assert.True(Interval < Policy.Interval / 3);
    }

    [Fact]
    public void A_shadow_that_says_no_more_is_forgotten_and_the_interval_grows_back()
    {
        Tell(weight: 1000, hint: true);
        TimeSpan least = Interval;
        _rig.Run(SessionLimits.DriftNoticeMax + TimeSpan.FromSeconds(100));
        Assert.True(Interval > least * 4, $"{least} {Interval}");
    }

    [Fact]
    public void A_new_policy_counts_at_once_and_keeps_the_suspicion()
    {
        Tell(weight: 1000, hint: true);
        _rig.Source.SetPolicy(Policy with { IntervalMin = TimeSpan.FromMilliseconds(400) }, _rig.Now);
        Assert.Equal(400, Interval.TotalMilliseconds, 1);
    }

    private TimeSpan Interval => _rig.Source.Status(_rig.Now).Sync.Interval;

    private void Tell(uint weight, bool hint) =>
        _rig.Source.On(new DriftNotice(_rig.Source.Generation, weight, hint, "disk.latency is up"), _rig.Now);

    private int EpochsIn(TimeSpan time)
    {
        int before = _rig.SourceSaid.Epochs.Count;
        _rig.Run(time);
        return _rig.SourceSaid.Epochs.Count - before;
    }
}
