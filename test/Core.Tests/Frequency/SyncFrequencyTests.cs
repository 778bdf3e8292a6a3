using Umbra.Core.Api;
using Umbra.Core.Frequency;
using Xunit;

namespace Umbra.Core.Tests.Frequency;

/// <summary>How the time between epochs follows suspicion.</summary>
public sealed class SyncFrequencyTests
{
    private static readonly ProtectionPolicy Policy = new()
    {
        Interval = TimeSpan.FromSeconds(1), IntervalMin = TimeSpan.FromMilliseconds(50),
    };

    private static readonly TimeSpan Cost = TimeSpan.FromMilliseconds(5);

    private readonly SyncFrequency _frequency = new(Policy);

    [Fact]
    public void Quiet_hardware_is_synced_at_the_policys_interval()
    {
        Assert.False(Update(0, 0));
        Assert.Equal(Policy.Interval, _frequency.Interval);
    }

    [Fact]
    public void A_hint_shrinks_it_at_once_and_a_verdict_more()
    {
        Assert.True(Update(HazardModel.HintWeight, 1));
        Assert.Equal(200, _frequency.Interval.TotalMilliseconds, 1);
        Assert.Contains("disk", _frequency.Reason);
        Assert.True(Update(1, 2));
        Assert.Equal(70.7, _frequency.Interval.TotalMilliseconds, 1);
    }

    [Fact]
    public void It_grows_back_only_after_a_quiet_time_and_slowly()
    {
        Update(1, 0);
        double least = _frequency.Interval.TotalMilliseconds;
        for (int second = 1; second < 30; second++) Update(0, second);
        Assert.Equal(least, _frequency.Interval.TotalMilliseconds, 3);
        double before = least;
        for (int second = 30; second < 120; second++)
        {
            Update(0, second);
            double next = _frequency.Interval.TotalMilliseconds;
            Assert.InRange(next, before, (before * SyncFrequency.GrowthFactor) + 0.001);
            before = next;
        }

        Assert.Equal(Policy.Interval, _frequency.Interval);
    }

    [Fact]
    public void A_suspicion_that_comes_again_begins_the_quiet_time_anew()
    {
        Update(1, 0);
        double least = _frequency.Interval.TotalMilliseconds;
        for (int second = 1; second < 100; second++)
        {
            Update(second % 25 == 0 ? 1 : 0, second);
            Assert.Equal(least, _frequency.Interval.TotalMilliseconds, 3);
        }
    }

    [Fact]
    public void The_guest_is_not_stopped_for_more_than_its_share_however_urgent()
    {
        _frequency.Update(Policy, 1, "disk", TimeSpan.FromMilliseconds(60), TimeSpan.Zero);
        Assert.Equal(300, _frequency.Interval.TotalMilliseconds, 1);
    }

    [Fact]
    public void The_policys_bounds_hold()
    {
        var tight = Policy with { IntervalMin = TimeSpan.FromMilliseconds(400) };
        _frequency.Update(tight, 1, "disk", Cost, TimeSpan.Zero);
        Assert.Equal(400, _frequency.Interval.TotalMilliseconds, 1);
        var slow = tight with
        {
            Interval = TimeSpan.FromMilliseconds(100),
            IntervalMin = TimeSpan.FromMilliseconds(50),
        };
        _frequency.Update(slow, 0, "", Cost, TimeSpan.FromSeconds(1));
        Assert.Equal(100, _frequency.Interval.TotalMilliseconds, 1);
    }

    [Fact]
    public void The_hazard_rises_with_the_weight_and_never_falls()
    {
        double before = 0;
        for (double weight = 0; weight <= 1.2; weight += 0.01)
        {
            double rate = HazardModel.RateOf(weight);
            Assert.True(rate >= before);
            before = rate;
        }
    }

    private bool Update(double weight, int second) =>
        _frequency.Update(Policy, weight, "disk.latency drifts", Cost, TimeSpan.FromSeconds(second));
}
