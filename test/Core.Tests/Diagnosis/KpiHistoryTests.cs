using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Sensors;
using Umbra.Core.Swap;
using Umbra.Core.Tests.Placement;
using Xunit;

namespace Umbra.Core.Tests.Diagnosis;

public sealed class KpiHistoryTests
{
    private readonly FleetBuilder _fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a", "b");

    [Fact]
    public void The_last_seconds_of_both_sides_are_kept_each_once()
    {
        for (int second = 1; second <= KpiHistory.SecondsMax + 10; second++)
        {
            Tell(second, second, 1);
            Tell(second, -1, -1); // a second heartbeat of the same second
            _fleet.Fleet.AdvanceTo(TimeSpan.FromSeconds(second));
        }

        var series = Series()!;
        Assert.Equal(KpiHistory.SecondsMax, series.Moments.Count);
        var latency = series.Of(KpiNames.DiskLatency).ToList();
        Assert.Equal((11f, 310f), (latency[0].Primary, latency[^1].Primary));
        Assert.Equal((1f, 1f), (latency[0].Shadow, latency[^1].Shadow));
        Assert.Equal(TimeSpan.FromSeconds(300), latency[0].Ago);
        Assert.Equal(TimeSpan.FromSeconds(1), latency[^1].Ago);
        Assert.All(series.Of(KpiNames.NetLoss), static one => Assert.Null(one.Primary));
        Assert.Empty(series.Of(KpiNames.CpuWait));
    }

    [Fact]
    public void A_value_beyond_all_measure_is_unknown_and_can_be_kept_as_JSON()
    {
        Tell(1, 1e300, 1);
        Assert.Null(Assert.Single(Series()!.Of(KpiNames.DiskLatency)).Primary);
        Assert.Contains("\"primary\":[null,null,null", FleetJson.SerializeToText(Series()!));
    }

    [Fact]
    public void Another_pair_begins_anew_and_words_of_an_old_one_are_not_taken()
    {
        Tell(1, 1, 1);
        _fleet.Change(vm => vm with { Ownership = new Ownership(new Generation(2), vm.Primary, "x") });
        Assert.Null(Series());
        Tell(2, 2, 2);
        Assert.Null(Series());
        Tell(1, 3, 3, generation: 2);
        Assert.Equal(3, Assert.Single(Series()!.Of(KpiNames.DiskLatency)).Primary);
        _fleet.Fleet.Remove(new VmId("v"));
        _fleet.Vm("v", "a", "b").Change(vm => vm with { Ownership = vm.Ownership with { Generation = new(2) } });
        Assert.Null(Series());
    }

    [Fact]
    public void A_line_shows_the_course_and_the_onset_in_few_characters()
    {
        for (int second = 1; second <= KpiHistory.SecondsMax; second++)
        {
            _fleet.Fleet.AdvanceTo(TimeSpan.FromSeconds(second));
            Tell(second, second <= 200 ? 1 : 9, 1);
        }

        var record = new DiagnosisRecord
        {
            Id = "d", Vm = new VmId("v"), OldHost = new HostId("a"), State = DiagnosisState.Completed, Reason = "r",
            NextStep = "n", Decided = _fleet.UtcNow, KpiSeries = Series(),
            Drift = new DriftStatus
            {
                Kpis =
                [
                    new KpiDrift
                    {
                        Kpi = KpiNames.DiskLatency, Score = 1, Side = DriftSide.Primary,
                        Onset = _fleet.UtcNow.AddSeconds(-99),
                    },
                ],
            },
        };
        var lines = KpiCourse.Of(record).Where(static line => line.Kpi == KpiNames.DiskLatency).ToList();
        Assert.Equal(
            [new string('▁', 40) + "!" + new string('█', 20), new string('▁', 40) + "!" + new string('▁', 20)],
            lines.Select(static line => line.Line));
        Assert.Equal((1, 9), (lines[0].Low, lines[0].High));
        Assert.All(
            KpiCourse.Of(record).Where(static line => line.Kpi == KpiNames.NetLoss),
            static line => Assert.Equal(new string('.', KpiCourse.LineMax), line.Line));
        Assert.Contains("| disk.latency | old host | 1 ms | 9 ms | ▁", DiagnosisMarkdown.Of(record));
    }

    private KpiSeries? Series() => _fleet.Fleet.Kpis.SeriesOf(_fleet.Record(), _fleet.Fleet.Now);

    private void Tell(long pairs, double primary, double shadow, ulong generation = 1)
    {
        _fleet.Report("b", new VmStatus
        {
            Vm = new VmId("v"), Role = VmRole.Shadow, Guest = GuestState.Standby,
            Generation = new Generation(generation),
            Kpis = new KpiStatus
            {
                Here = [KpiSample.Of(KpiNames.DiskLatency, shadow)],
                Primary = [KpiSample.Of(KpiNames.DiskLatency, primary), KpiSample.Of(KpiNames.SyncLag, 7)],
                Pairs = pairs,
            },
        });
        _fleet.Fleet.Kpis.Note(_fleet.Fleet, _fleet.Fleet.Host(new HostId("b"))!);
    }
}
