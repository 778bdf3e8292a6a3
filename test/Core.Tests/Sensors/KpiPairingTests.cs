using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Sensors;

public sealed class KpiPairingTests
{
    private readonly KpiPairing _pairing = new();

    [Theory]
    [InlineData(-0.49)]
    [InlineData(0)]
    [InlineData(0.3)]
    [InlineData(0.499)]
    public void Both_series_meet_second_by_second_at_any_phase_with_jitter(double phase)
    {
        // Fixed jitter of up to 40 ms, other on each side: at a phase of half a second it reaches over the boundary.
        double[] jitter = [0, 0.04, -0.03, 0.02, -0.04];
        List<KpiPair> pairs = [];
        for (int second = 10; second < 110; second++)
        {
            double primary = second + phase + jitter[second % 5], shadow = second + jitter[(second * 3) % 5];
            if (primary < shadow) AddBoth(pairs, primary, shadow);
            else AddBoth(pairs, shadow: shadow, primary: primary, shadowFirst: true);
        }

        Assert.Equal(100, pairs.Count);
        Assert.All(pairs, pair => Assert.True(pair is { Primary: not null, Shadow: not null }));
        Assert.All(pairs, pair => Assert.Equal(Number(pair.Shadow!), Number(pair.Primary!)));
    }

    [Fact]
    public void A_second_without_the_other_side_stands_alone_and_shifts_nothing()
    {
        List<KpiPair> pairs = [];
        for (int second = 0; second < 6; second++)
        {
            if (second != 3) pairs.AddRange(_pairing.AddPrimary(Set(second), At(second)));
            pairs.AddRange(_pairing.AddShadow(Set(second), At(second + 0.1)));
        }

        Assert.Equal(6, pairs.Count);
        Assert.Null(Assert.Single(pairs, pair => Number(pair.Shadow!) == 3).Primary);
        Assert.All(
            pairs.Where(pair => pair.Primary is not null),
            pair => Assert.Equal(Number(pair.Shadow!), Number(pair.Primary!)));
    }

    [Fact]
    public void A_set_that_a_slow_link_delays_still_finds_its_second()
    {
        List<KpiPair> pairs = [];
        for (int second = 0; second < 4; second++)
            pairs.AddRange(_pairing.AddShadow(Set(second), At(second)));
        Assert.Empty(pairs);
        for (int second = 0; second < 4; second++)
            pairs.AddRange(_pairing.AddPrimary(Set(second), At(second + 0.2)));
        Assert.Equal(4, pairs.Count);
        Assert.All(pairs, pair => Assert.Equal(Number(pair.Shadow!), Number(pair.Primary!)));
    }

    [Fact]
    public void Without_the_other_side_sets_are_let_go_after_their_time_and_in_order()
    {
        List<KpiPair> pairs = [];
        for (int second = 0; second < 20; second++)
            pairs.AddRange(_pairing.AddShadow(Set(second), At(second)));
        Assert.Equal([.. Enumerable.Range(0, 14)], pairs.Select(pair => (int)Number(pair.Shadow!)));
        Assert.All(pairs, pair => Assert.Null(pair.Primary));
    }

    [Fact]
    public void No_more_sets_wait_than_allowed_whatever_their_times_say()
    {
        int settled = 0;
        for (int i = 0; i < 100; i++) settled += _pairing.AddPrimary(Set(i), At(0)).Count;
        Assert.Equal(100 - KpiPairing.WaitingMax, settled);
    }

    private void AddBoth(List<KpiPair> pairs, double primary, double shadow, bool shadowFirst = false)
    {
        int second = (int)Math.Round(shadow);
        if (shadowFirst) pairs.AddRange(_pairing.AddShadow(Set(second), At(shadow)));
        pairs.AddRange(_pairing.AddPrimary(Set(second), At(primary)));
        if (!shadowFirst) pairs.AddRange(_pairing.AddShadow(Set(second), At(shadow)));
    }

    private static KpiSet Set(int number) => new(default, [KpiSample.Of("cpu.work", number)]);

    private static double Number(KpiSet set) => set.Samples[0].Value!.Value;

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
