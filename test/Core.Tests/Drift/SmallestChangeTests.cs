using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Drift;
using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>A KPI that was very still while it was learnt: ordinary life is no drift, a failing part is.</summary>
public sealed class SmallestChangeTests
{
    private const int Calibration = 120, Watch = 600;

    private readonly Random _random = new(11);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Segments_sent_again_now_and_then_are_no_drift(int inCalibration)
    {
        var live = Calibrated(KpiNames.NetLoss, second => second == 40 ? 0.001 * inCalibration : 0);
        // One in a thousand, in every third second: more than it ever was, and still what TCP does by itself.
        for (int i = 0; i < Watch; i++) Push(live, KpiNames.NetLoss, _random.Next(3) == 0 ? 0.001 : 0, 0);
        var found = Of(live, KpiNames.NetLoss);
        Assert.False(found.Hint);
        Assert.InRange(found.Score, 0, 0.5);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_link_that_loses_packets_is_found_though_it_never_lost_one(int inCalibration)
    {
        var live = Calibrated(KpiNames.NetLoss, second => second == 40 ? 0.001 * inCalibration : 0);
        for (int i = 0; i < 60; i++) Push(live, KpiNames.NetLoss, 0.02 + (0.02 * _random.NextDouble()), 0);
        var found = Of(live, KpiNames.NetLoss);
        Assert.True(found.Hint);
        Assert.InRange(found.Score, 1, double.MaxValue);
        Assert.Equal(DriftSide.Primary, found.Side);
    }

    [Theory]
    [InlineData(1.03, false)]
    [InlineData(1.5, true)]
    public void A_very_still_canary_becomes_drift_from_a_change_on_that_matters(double factor, bool drifts)
    {
        var live = Calibrated(KpiNames.CpuWork, _ => 50_000 * Noise());
        for (int i = 0; i < Watch; i++) Push(live, KpiNames.CpuWork, 50_000 * factor * Noise(), 50_000 * Noise());
        Assert.Equal(drifts, Of(live, KpiNames.CpuWork).Score >= 1);
    }

    private static LiveDrift Calibrated(string kpi, Func<int, double> value)
    {
        var live = new LiveDrift(new PairKey(new VmId("v"), new HostId("a"), new HostId("b")), Calibration, null);
        for (int i = 0; i < Calibration; i++) Push(live, kpi, value(i), value(i));
        return live;
    }

    private static KpiDrift Of(LiveDrift live, string kpi) =>
        live.Status(DateTimeOffset.UnixEpoch).Kpis.Single(one => one.Kpi == kpi);

    private static void Push(LiveDrift live, string kpi, double primary, double shadow) => live.On(
        new KpiPair(
            TimeSpan.Zero, new KpiSet(TimeSpan.Zero, [KpiSample.Of(kpi, primary)]),
            new KpiSet(TimeSpan.Zero, [KpiSample.Of(kpi, shadow)])));

    // A tenth of a percent: far below what matters.
    private double Noise() => 1 + (0.001 * (_random.NextDouble() - 0.5));
}
