using Umbra.Agent.Guarding;
using Xunit;

namespace Umbra.System.Tests.Guarding;

/// <summary>When a guard takes its agent for one that stands still.</summary>
public sealed class PulseWatchTests
{
    private readonly PulseWatch _watch = new();
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Fact]
    public void A_pulse_that_goes_on_is_never_silence()
    {
        for (long pulse = 1; pulse < 100; pulse++) Assert.False(Look(pulse, PulseWatch.Interval));
    }

    [Fact]
    public void An_agent_is_silent_after_the_limit_and_not_before()
    {
        Look(1, PulseWatch.LookInterval);
        TimeSpan silence = TimeSpan.Zero;
        while (!Look(1, PulseWatch.LookInterval)) silence += PulseWatch.LookInterval;
        Assert.Equal(PulseWatch.SilenceMax, silence + PulseWatch.LookInterval);
    }

    [Fact]
    public void A_silence_that_lasts_is_acted_on_again_after_as_long()
    {
        Look(1, PulseWatch.LookInterval);
        int acts = 0;
        for (TimeSpan at = TimeSpan.Zero; at < PulseWatch.SilenceMax * 3; at += PulseWatch.LookInterval)
        {
            if (Look(1, PulseWatch.LookInterval)) acts++;
        }

        Assert.Equal(3, acts);
    }

    [Fact]
    public void A_host_that_was_suspended_accuses_nobody()
    {
        Look(1, PulseWatch.LookInterval);
        Assert.False(Look(1, TimeSpan.FromHours(8)));
        Assert.False(Look(2, PulseWatch.LookInterval));
    }

    [Fact]
    public void A_new_pulse_ends_the_silence_before_it()
    {
        Look(1, PulseWatch.LookInterval);
        for (int i = 0; i < 20; i++)
        {
            Assert.False(Look(i, PulseWatch.LookInterval));
            Assert.False(Look(i, PulseWatch.SilenceMax / 2));
        }
    }

    private bool Look(long pulse, TimeSpan after)
    {
        _now += after;
        return _watch.IsSilent(pulse, _now);
    }
}
