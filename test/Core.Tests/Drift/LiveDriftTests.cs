using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Drift;
using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>A living pair, second by second.</summary>
public sealed class LiveDriftTests
{
    private const int Calibration = 300;

    private static readonly PairKey Pair = new(new VmId("v"), new HostId("a"), new HostId("b"));
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly Random _random = new(7);
    private readonly LiveDrift _live = new(Pair, Calibration, null);
    private int _second;

    [Fact]
    public void It_learns_first_and_says_how_far_it_is()
    {
        Run(Calibration / 2);
        var status = _live.Status(Start);
        Assert.Equal(DriftWatchState.Learning, status.State);
        Assert.InRange(status.Progress, 0.45, 0.55);
        Assert.Null(_live.Baseline);
    }

    [Fact]
    public void A_primary_that_gets_slower_is_found_and_spoken_against()
    {
        Run(Calibration + 100);
        Assert.Null(Verdict());
        Run(200, primary: 1.5);
        Assert.Equal((KpiNames.DiskLatency, DriftSide.Primary), Verdict());
        var found = _live.Status(Start).Kpis[0];
        Assert.True(found.Hint);
        Assert.InRange((Start - found.Onset!.Value).TotalSeconds, 150, 215);
    }

    [Fact]
    public void A_shadow_that_gets_slower_speaks_against_the_shadow()
    {
        Run(Calibration, sway: true);
        Run(300, shadow: 1.5, sway: true);
        Assert.Equal((KpiNames.DiskLatency, DriftSide.Shadow), Verdict());
    }

    [Fact]
    public void Both_getting_slower_alike_is_load_and_no_drift()
    {
        Run(Calibration, sway: true);
        Run(300, primary: 1.2, shadow: 1.2);
        Assert.Null(Verdict());
    }

    [Fact]
    public void A_primary_that_gets_faster_speaks_against_nobody()
    {
        Run(Calibration + 100);
        Run(300, primary: 0.7);
        var found = _live.Status(Start).Kpis[0];
        Assert.True(found.Score >= 1, $"{found.Score}");
        Assert.Equal(DriftSide.Neither, found.Side);
    }

    [Fact]
    public void Sensors_that_fail_are_unknown_and_bring_no_evidence()
    {
        Run(Calibration + 100);
        for (int i = 0; i < 300; i++) _live.On(new KpiPair(TimeSpan.FromSeconds(_second++), null, null));
        Assert.All(_live.Status(Start).Kpis, static kpi => Assert.True(kpi.Score < 0.5));
    }

    [Fact]
    public void The_shortest_calibration_still_judges_where_the_first_seconds_are_unknown()
    {
        var live = new LiveDrift(Pair, calibration: 1, stored: null);
        for (; _second < LiveDrift.CalibrationMin; _second++)
        {
            var at = TimeSpan.FromSeconds(_second);
            bool known = _second >= 10;
            live.On(new KpiPair(at, known ? Set(at, 1) : null, known ? Set(at, 1) : null));
        }

        var status = live.Status(Start);
        Assert.Equal(DriftWatchState.Watching, status.State);
        Assert.Contains(status.Kpis, static kpi => kpi.Kpi == KpiNames.DiskLatency);
    }

    [Fact]
    public void A_sensor_of_the_hardware_that_answers_late_is_waited_for()
    {
        RunWithDiskFrom(Calibration - 20, Calibration + 20);
        var status = _live.Status(Start);
        Assert.Equal(DriftWatchState.Learning, status.State);
        Assert.Contains("too seldom", status.Reason, StringComparison.Ordinal);
        Run(40);
        Assert.Contains(_live.Status(Start).Kpis, static kpi => kpi.Kpi == KpiNames.DiskLatency);
    }

    [Fact]
    public void A_sensor_of_the_hardware_that_hardly_ever_answers_is_named_and_keeps_the_others_from_nothing()
    {
        RunWithDiskFrom(10, 20);
        RunWithDiskFrom(int.MaxValue, DriftWatch.CalibrationStretchMax * Calibration);
        var status = _live.Status(Start);
        Assert.Equal(DriftWatchState.Watching, status.State);
        Assert.Contains("disk.latency is not judged: 10 readings", status.Reason, StringComparison.Ordinal);
        Assert.Contains("net.loss is not judged: 0 readings", status.Reason, StringComparison.Ordinal);
        Assert.Contains(status.Kpis, static kpi => kpi.Kpi == KpiNames.CpuWork);
    }

    [Fact]
    public void A_kept_baseline_is_gone_on_with_and_that_of_another_pair_is_not()
    {
        Run(Calibration);
        var kept = _live.Baseline!;
        Assert.Equal(DriftWatchState.Watching, new LiveDrift(Pair, Calibration, kept).Status(Start).State);
        var other = Pair with { Primary = new HostId("c") };
        Assert.Equal(DriftWatchState.Learning, new LiveDrift(other, Calibration, kept).Status(Start).State);
    }

    [Fact]
    public void What_is_usual_on_each_side_is_told_in_the_unit_of_the_KPI()
    {
        Run(Calibration + 10, shadow: 3);
        var disk = _live.Status(Start).Kpis.Single(static kpi => kpi.Kpi == KpiNames.DiskLatency);
        Assert.InRange(disk.PrimaryUsual!.Median, 1.9, 2.1);
        Assert.InRange(disk.PrimaryUsual.Low, 1.8, 1.9);
        Assert.InRange(disk.PrimaryUsual.High, 2.1, 2.22);
        Assert.InRange(disk.ShadowUsual!.Median, 5.7, 6.3);
    }

    private (string Kpi, DriftSide Side)? Verdict()
    {
        var worst = _live.Status(Start).Kpis[0];
        return worst.Score >= 1 ? (worst.Kpi, worst.Side) : null;
    }

    private void Run(int seconds, double primary = 1, double shadow = 1, bool sway = false)
    {
        for (int i = 0; i < seconds; i++)
        {
            double load = sway ? 1 + (0.3 * Math.Sin(_second / 20.0)) : 1;
            var at = TimeSpan.FromSeconds(_second++);
            _live.On(new KpiPair(at, Set(at, primary * load), Set(at, shadow * load)));
        }
    }

    // Until that second, the disk's canary answering from the other one on.
    private void RunWithDiskFrom(int first, int end)
    {
        for (; _second < end; _second++)
        {
            var at = TimeSpan.FromSeconds(_second);
            KpiSet known = Set(at, 1);
            KpiSet set = _second >= first ? known : known with { Samples = [.. known.Samples.Skip(1)] };
            _live.On(new KpiPair(at, set, set));
        }
    }

    private KpiSet Set(TimeSpan at, double factor) => new(
        at,
        [
            KpiSample.Of(KpiNames.DiskLatency, 2 * factor * Noise()), KpiSample.Of(KpiNames.CpuWork, 50_000 * Noise()),
            KpiSample.Unknown(KpiNames.NetLoss, "no link"),
        ]);

    private double Noise() => Math.Exp(0.1 * (_random.NextDouble() + _random.NextDouble() - 1));
}
