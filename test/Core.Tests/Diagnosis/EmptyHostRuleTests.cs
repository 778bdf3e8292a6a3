using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Drift;
using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Diagnosis;

public sealed class EmptyHostRuleTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 1, 10, 0, 0, TimeSpan.Zero);
    private static readonly UsualRange Usual = new(8, 10, 14);

    [Theory]
    [InlineData(20, 18, EmptyHostFinding.StillWorse)] // beyond all that was usual
    [InlineData(20, 15, EmptyHostFinding.StillWorse)]
    [InlineData(20, 14, EmptyHostFinding.AsUsual)] // nearer to the usual median than to the drift's
    [InlineData(13, 12, EmptyHostFinding.StillWorse)] // a drift within the usual range that is still there
    [InlineData(13, 11, EmptyHostFinding.AsUsual)]
    [InlineData(9, 9.5, EmptyHostFinding.AsUsual)] // what was told of the drift is no level above the usual one
    public void A_drift_is_still_there_when_the_median_is_unusual_or_half_way_to_it(
        double during, double after, EmptyHostFinding finding) =>
        Assert.Equal(finding, Of(DriftForm.LevelUp, during, after).Finding);

    [Theory]
    [InlineData(DriftForm.Spikes, 11, EmptyHostFinding.Unclear)]
    [InlineData(DriftForm.Spread, 11, EmptyHostFinding.Unclear)]
    [InlineData(DriftForm.Spikes, 40, EmptyHostFinding.AsUsual)] // a step shows as spikes too
    public void Few_looks_cannot_rule_out_spikes_unless_the_level_had_risen_too(
        DriftForm form, double during, EmptyHostFinding finding) =>
        Assert.Equal(finding, Of(form, during, 10).Finding);

    [Fact]
    public void A_KPI_that_did_not_drift_is_judged_by_the_usual_range_alone()
    {
        var record = Record(null, [], Found(KpiNames.DiskFlush, 14.5));
        record = record with
        {
            Drift = new DriftStatus
            {
                Kpis = [new KpiDrift { Kpi = KpiNames.DiskFlush, Side = DriftSide.Neither, PrimaryUsual = Usual }],
            },
        };
        var one = Assert.Single(EmptyHostRule.Compare(record));
        Assert.Equal((EmptyHostFinding.WorseOnlyNow, null), (one.Finding, one.During));
        record = record with { Examination = record.Examination! with { Kpis = [Found(KpiNames.DiskFlush, 13)] } };
        Assert.Equal(EmptyHostFinding.AsUsual, Assert.Single(EmptyHostRule.Compare(record)).Finding);
    }

    [Fact]
    public void What_cannot_be_said_is_unclear_with_the_reason()
    {
        Assert.Contains(
            "hangs", Reading(new ExaminedKpi { Kpi = KpiNames.DiskLatency, Reason = "it hangs" }));
        Assert.Contains("only 4 looks", Reading(Found(KpiNames.DiskLatency, 50) with { Looks = 4 }));
        Assert.Contains("not learnt", Reading(Found(KpiNames.DiskLatency, 50), usual: null));
        var net = Record(Drift(KpiNames.NetLatency, DriftForm.LevelUp, Usual), []);
        Assert.Contains("the pair's two hosts", Assert.Single(EmptyHostRule.Compare(net)).Reading);
        Assert.Empty(EmptyHostRule.Compare(net with { Examination = null }));
    }

    [Fact]
    public void Without_a_kept_time_since_the_onset_the_last_second_before_the_decision_counts()
    {
        var drift = Drift(KpiNames.DiskLatency, DriftForm.LevelUp, Usual);
        var record = Record(drift, [(90, 13)], Found(KpiNames.DiskLatency, 12));
        Assert.Null(Assert.Single(EmptyHostRule.Compare(record)).During);
        record = record with { Kpis = new KpiStatus { Primary = [KpiSample.Of(KpiNames.DiskLatency, 13)] } };
        Assert.Equal(13, Assert.Single(EmptyHostRule.Compare(record)).During);
    }

    [Fact]
    public void A_KPI_that_is_told_of_twice_is_judged_once()
    {
        var drift = Drift(KpiNames.DiskLatency, DriftForm.LevelUp, Usual);
        Assert.Single(EmptyHostRule.Compare(Record(
            drift with { Kpis = [drift.Kpis[0], drift.Kpis[0]] }, [], Found("disk.latency", 12))));
    }

    private static string Reading(ExaminedKpi found) => Reading(found, Usual);

    private static string Reading(ExaminedKpi found, UsualRange? usual)
    {
        var one = Assert.Single(EmptyHostRule.Compare(
            Record(Drift(KpiNames.DiskLatency, DriftForm.LevelUp, usual), [(10, 20)], found)));
        Assert.Equal(EmptyHostFinding.Unclear, one.Finding);
        return one.Reading;
    }

    private static KpiComparison Of(DriftForm form, double during, double after) =>
        Assert.Single(EmptyHostRule.Compare(Record(
            Drift(KpiNames.DiskLatency, form, Usual),
            [(200, 10), (59, (float)during), (30, (float)during), (1, (float)during)], Found("disk.latency", after))));

    private static ExaminedKpi Found(string kpi, double median) => new()
    {
        Kpi = kpi, Looks = 10, Low = median - 1, Median = median, High = median + 1,
    };

    private static DriftStatus Drift(string kpi, DriftForm form, UsualRange? usual) => new()
    {
        Kpis =
        [
            new KpiDrift
            {
                Kpi = kpi, Score = 1, Side = DriftSide.Primary, Form = form, Onset = Now.AddSeconds(-60),
                PrimaryUsual = usual,
            },
        ],
    };

    private static DiagnosisRecord Record(
        DriftStatus? drift, (int Ago, float Value)[] primary, params ExaminedKpi[] found) => new()
        {
            Id = "d", Vm = new VmId("v"), OldHost = new HostId("a"), State = DiagnosisState.Examining, Decided = Now,
            Reason = "r", NextStep = "n", Drift = drift,
            KpiSeries = new KpiSeries(
                [KpiNames.DiskLatency],
                [.. primary.Select(static one => new KpiMoment(TimeSpan.FromSeconds(one.Ago), [one.Value], [null]))]),
            Examination = new Examination { Id = "d", Began = Now, Ended = Now, Kpis = found },
        };
}
