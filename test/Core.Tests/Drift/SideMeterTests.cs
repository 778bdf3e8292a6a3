using Umbra.Core.Api;
using Umbra.Core.Drift;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>Whom a drift speaks against: on made-up series, and on the recorded pairs with injected drifts.</summary>
public sealed class SideMeterTests(ITestOutputHelper output)
{
    private const int Calibration = 1000;
    private const int Recent = 300;

    private readonly Random _random = new(5);

    [Fact]
    public void A_rare_event_that_is_as_rare_as_before_is_no_worsening()
    {
        var meter = Learnt(i => i % 8 == 0 ? 1 : 0, i => i % 8 == 4 ? 1 : 0);
        for (int i = 0; i < Recent; i++) meter.Push(i % 8 == 0 ? 1 : 0, i % 8 == 4 ? 1 : 0);
        Assert.Equal(DriftSide.Neither, meter.Against(DriftForm.Spread));
    }

    [Fact]
    public void Two_hosts_that_got_worse_much_alike_are_both_not_spoken_against()
    {
        var meter = Learnt(_ => 100 + Noise(), _ => 100 + Noise());
        for (int i = 0; i < Recent; i++) meter.Push(108 + Noise(), 107 + Noise());
        Assert.Equal(DriftSide.Neither, meter.Against(DriftForm.LevelUp));
        Assert.Equal(DriftSide.Neither, meter.Against(DriftForm.Spread));
    }

    [Fact]
    public void The_host_that_got_worse_by_far_is_spoken_against_though_the_other_did_too()
    {
        var meter = Learnt(_ => 100 + Noise(), _ => 100 + Noise());
        for (int i = 0; i < Recent; i++) meter.Push(108 + Noise(), 103 + Noise());
        Assert.Equal(DriftSide.Primary, meter.Against(DriftForm.LevelUp));
        Assert.Equal(DriftSide.Neither, meter.Against(DriftForm.LevelDown));
    }

    [Fact]
    public void Unrest_of_one_host_shows_through_a_wave_that_both_ride()
    {
        var meter = Learnt(i => Wave(i) + Noise(), i => Wave(i) + Noise());
        for (int i = 0; i < Recent; i++) meter.Push(Wave(i) + (5 * Noise()), Wave(i) + Noise());
        Assert.Equal(DriftSide.Primary, meter.Against(DriftForm.Spread));
        Assert.Equal(DriftSide.Neither, meter.Against(DriftForm.LevelUp));
    }

    // Those that are not laid to a host stay verdicts, which move nothing. A drift laid to the wrong one is what must
    // not be: it would move a VM to the host that is degraded.
    [Fact]
    public void Injected_drifts_are_seldom_laid_to_the_wrong_host()
    {
        List<Case> drifts = [.. PairedDriftSet.Read().Concat(new SurrogateSet(seed: 101).Make(60))
            .Where(static item => item.HasDrift)];
        int right = drifts.Count(static item => IsLaidToPrimary(item));
        int wrong = drifts.Count(static item => IsLaidToPrimary(Turned(item)));
        output.WriteLine($"{right} of {drifts.Count} are laid to the host that drifts; {wrong} to the other, turned");
        Assert.True(right >= 0.5 * drifts.Count && wrong <= 3, $"{right} and {wrong} of {drifts.Count}");
    }

    private static double Wave(int sample) => 100 + (3 * Math.Sin(sample / 100.0));

    private double Noise() => _random.NextDouble() - _random.NextDouble();

    private static SideMeter Learnt(Func<int, double> primary, Func<int, double> shadow)
    {
        var learner = new BaselineLearner(["a"], TimeSpan.FromSeconds(1));
        for (int i = 0; i < Calibration; i++) learner.Add([primary(i)], [shadow(i)]);
        return new SideMeter(learner.Learn()!.Kpis[0]);
    }

    private static Case Turned(Case item) => item with
    {
        Series = item.Series with { Primary = item.Series.Shadow, Shadow = item.Series.Primary },
    };

    // From the onset on, on the KPI that drifts.
    private static bool IsLaidToPrimary(Case item)
    {
        var series = item.Series;
        int width = series.Kpis.Count;
        int k = series.Kpis.ToList().IndexOf(item.Kpi);
        var watch = new DriftWatch(null, series.Kpis, series.Sampling, item.CalibrationEnd);
        SideMeter? meter = null;
        for (int i = 0; i < series.Samples; i++)
        {
            var primary = series.Primary.AsSpan(i * width, width);
            var shadow = series.Shadow.AsSpan(i * width, width);
            watch.Observe(primary, shadow);
            if (watch.Detector is not { } detector) continue;
            meter ??= new SideMeter(detector.Baseline.Kpis[k]);
            meter.Push(primary[k], shadow[k]);
            if (i < item.Onset || detector.Score(k) < 1) continue;
            if (meter.Against(detector.Evidence(k).Form) == DriftSide.Primary) return true;
        }

        return false;
    }
}
