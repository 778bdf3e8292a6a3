using Umbra.Core.Api;
using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Sensors;

public sealed class SensorRulesTests
{
    private static readonly TimeSpan s_budget = TimeSpan.FromMilliseconds(3);

    [Fact]
    public void A_canary_on_a_quick_machine_repeats_its_piece_as_often_as_it_was_told()
    {
        var budget = new CanaryBudget(s_budget, repeatsMax: 8);
        Assert.Equal(1, budget.Repeats);
        budget.Spent(TimeSpan.FromMicroseconds(50));
        Assert.Equal(8, budget.Repeats);
    }

    [Fact]
    public void A_canary_on_a_slow_machine_keeps_within_its_budget_but_never_stops()
    {
        var budget = new CanaryBudget(s_budget, repeatsMax: 8);
        budget.Spent(TimeSpan.FromMilliseconds(1));
        Assert.Equal(3, budget.Repeats);
        budget.Spent(TimeSpan.FromMilliseconds(300));
        Assert.Equal(1, budget.Repeats);
        budget.Spent(TimeSpan.Zero);
        Assert.Equal(8, budget.Repeats);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(97)]
    [InlineData(50)]
    public void A_canary_meets_all_parts_of_a_CPU_quotas_period_within_20_looks(int periodMs)
    {
        TimeSpan period = Ms(periodMs), begun = Ms(17), at = TimeSpan.Zero;
        HashSet<int> tenths = [];
        for (int look = 0; look < 20; look++)
        {
            TimeSpan next = CanaryTimes.Next(at + Ms(4));
            if (look > 0) Assert.InRange(next - at, Ms(900), Ms(1100));
            at = next;
            tenths.Add((int)((begun + at).Ticks % period.Ticks * 10 / period.Ticks));
        }

        Assert.Equal(10, tenths.Count);
        Assert.InRange(at, Ms(20_000), Ms(20_100));
    }

    [Fact]
    public void A_canary_that_was_kept_from_looking_goes_on_at_the_next_full_second()
    {
        Assert.InRange(CanaryTimes.Next(TimeSpan.Zero), Ms(1000), Ms(1100));
        Assert.InRange(CanaryTimes.Next(Ms(7300)), Ms(8000), Ms(8100));
    }

    [Fact]
    public void Times_of_the_other_host_are_mapped_by_the_quickest_message()
    {
        var offset = new ClockOffset();
        TimeSpan ahead = TimeSpan.FromHours(5);
        Assert.Equal(Ms(1040), offset.Map(ahead + Ms(1000), Ms(1040)));
        Assert.Equal(Ms(2001), offset.Map(ahead + Ms(2000), Ms(2001)));
        // Three seconds in a queue: the clocks are known by now.
        Assert.Equal(Ms(3001), offset.Map(ahead + Ms(3000), Ms(6000)));
    }

    [Fact]
    public void An_old_difference_between_clocks_is_forgotten_so_that_drift_is_followed()
    {
        var offset = new ClockOffset();
        offset.Map(Ms(0), Ms(0));
        for (int i = 1; i <= ClockOffset.Window; i++) offset.Map(Ms(i * 1000), Ms((i * 1000) + 30));
        Assert.Equal(Ms(100_030), offset.Map(Ms(100_000), Ms(100_030)));
    }

    [Theory]
    [InlineData(1000UL, 0UL, 0)]
    [InlineData(1000UL, 50UL, 0.05)]
    [InlineData(11UL, 1UL, 0.01)]
    [InlineData(200UL, 400UL, 1)]
    public void One_segment_of_a_few_sent_again_is_no_large_loss(ulong sent, ulong again, double loss) =>
        Assert.Equal(loss, SegmentLoss.Of(sent, again), 9);

    [Fact]
    public void What_is_no_number_is_unknown_and_never_zero()
    {
        Assert.Null(KpiSample.Of("net.loss", 0.0 / 0.0).Value);
        Assert.Null(KpiSample.Of("net.loss", double.PositiveInfinity).Value);
        Assert.NotEmpty(KpiSample.Of("net.loss", double.NaN).Reason);
        Assert.NotEmpty(KpiSample.Unknown("net.loss", "").Reason);
    }

    [Fact]
    public void Every_name_is_valid_and_all_of_them_fit_a_set()
    {
        Assert.All(KpiNames.All, name => Assert.True(KpiNames.IsValid(name), name));
        Assert.Equal(KpiNames.All.Count, KpiNames.All.Distinct().Count());
        Assert.True(KpiNames.All.Count <= KpiSet.SamplesMax);
        Assert.False(KpiNames.IsValid(""));
        Assert.False(KpiNames.IsValid("CPU"));
        Assert.False(KpiNames.IsValid(new string('a', KpiNames.LengthMax + 1)));
    }

    [Fact]
    public void An_unknown_KPI_stays_unknown_through_JSON()
    {
        var status = new KpiStatus
        {
            Here = [KpiSample.Of("cpu.work", 51.5) with { Took = Ms(2) },
                KpiSample.Unknown("cpu.wait", "no schedstat")],
            Age = Ms(250),
        };
        string json = FleetJson.SerializeToText(status);
        Assert.Equal(
            """{"here":[{"kpi":"cpu.work","value":51.5,"reason":"","took":2},"""
            + """{"kpi":"cpu.wait","value":null,"reason":"no schedstat","took":0}],"""
            + """ "age":250,"primary":[],"pairs":0}""".TrimStart(),
            json);
        KpiStatus? back = FleetJson.TryDeserialize<KpiStatus>(global::System.Text.Encoding.UTF8.GetBytes(json), out _);
        Assert.Equal(status.Here, back!.Here);
    }

    private static TimeSpan Ms(double count) => TimeSpan.FromMilliseconds(count);
}
