using Umbra.Core.Basics;
using Umbra.Core.Drift;
using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>One pair's watch: calibration, drift, missing readings, relearning, the stored baseline.</summary>
public sealed class DriftWatchTests
{
    private const int Calibration = 720;
    private static readonly string[] s_kpis = [KpiNames.CpuWork, KpiNames.MemoryLatency, KpiNames.SyncLag];
    private static readonly PairKey s_pair = new(new VmId("v"), new HostId("a"), new HostId("b"));

    private readonly SimulatedPair _simulated = new(Residual.White, seed: 7, kpis: 3);
    private readonly DriftWatch _watch = new(s_pair, s_kpis, TimeSpan.FromSeconds(1), Calibration);

    [Fact]
    public void A_pair_without_drift_scores_low()
    {
        Run(Calibration + 5000);
        var report = _watch.Report();
        Assert.Equal(DriftPhase.Watching, report.Phase);
        Assert.True(report.Score < 0.5, $"{report.Score}");
        Assert.All(report.Kpis, static kpi => Assert.Equal("no drift", kpi.Explanation));
    }

    [Fact]
    public void A_slower_memory_is_named_with_its_size_and_onset()
    {
        Run(Calibration + 1000);
        Run(200, (1, 1.12));
        var report = _watch.Report();
        var first = report.Kpis[0];
        Assert.True(report.IsVerdict && report.IsHint, $"{report.Score}");
        Assert.Equal(KpiNames.MemoryLatency, first.Kpi);
        Assert.InRange(first.OnsetSample, 960, 1040);
        Assert.Contains("memory.latency", first.Explanation, StringComparison.Ordinal);
        Assert.Contains("90 days", first.Explanation, StringComparison.Ordinal);
        Assert.Equal(0, report.Kpis.Count(static kpi => kpi.Kpi != KpiNames.MemoryLatency && kpi.Score >= 1));
    }

    [Fact]
    public void A_drift_that_is_over_is_forgotten_in_time()
    {
        Run(Calibration + 100);
        Run(300, (1, 1.2));
        Assert.True(_watch.Report().IsVerdict);
        Run(5000);
        Assert.True(_watch.Report().Score < 0.5);
    }

    [Fact]
    public void A_load_that_both_hosts_carry_is_no_drift()
    {
        Run(Calibration + 100);
        Run(1000, bothBy: 2);
        Assert.False(_watch.Report().IsVerdict);
    }

    [Fact]
    public void A_level_that_was_never_seen_hides_no_drift_of_a_primary_that_follows_its_shadow()
    {
        Run(Calibration + 100);
        Run(600, bothBy: 1.3);
        Assert.False(_watch.Report().IsVerdict);
        Run(200, bothBy: 1.3, (1, 1.12));
        Assert.True(_watch.Report().IsVerdict);
    }

    [Fact]
    public void A_level_that_was_never_seen_leaves_open_how_a_primary_answers_whose_answer_was_never_learnt()
    {
        Assert.False(WatchCommonRise(DriftOptions.Default).IsVerdict);
        Assert.True(WatchCommonRise(DriftOptions.Default with { ShadowLevelHalfLife = 1e9 }).IsVerdict);
    }

    [Fact]
    public void A_reading_that_is_missing_is_unknown_and_no_drift()
    {
        Run(Calibration + 100);
        Run(2000, (1, double.NaN));
        var report = _watch.Report();
        Assert.False(report.IsVerdict);
        Assert.False(report.Kpis.Single(static kpi => kpi.Kpi == KpiNames.MemoryLatency).IsKnown);
        Run(400, (1, 1.12));
        Assert.True(_watch.Report().IsVerdict);
    }

    [Fact]
    public void A_series_that_never_changed_is_not_judged_and_says_so()
    {
        Run(Calibration + 100, (2, 0));
        var kpi = _watch.Report().Kpis.Single(static kpi => kpi.Kpi == KpiNames.SyncLag);
        Assert.False(kpi.IsJudged);
        Assert.Contains("not judged", kpi.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Zeros_negatives_and_infinities_break_nothing()
    {
        Run(Calibration, (2, -1));
        Run(100, (0, 0), (1, double.PositiveInfinity));
        Assert.All(_watch.Report().Kpis, static kpi => Assert.True(double.IsFinite(kpi.Score)));
    }

    [Fact]
    public void Nothing_is_relearnt_while_drift_is_suspected_unless_the_pair_moved_or_a_person_says_so()
    {
        Run(Calibration + 100);
        var moved = s_pair with { Primary = new HostId("b"), Shadow = new HostId("c") };
        Assert.True(_watch.TryRelearn(RelearnReason.Routine, s_pair));
        Run(Calibration + 100);
        Run(300, (1, 1.12));
        Assert.True(_watch.IsSuspected);
        Assert.False(_watch.TryRelearn(RelearnReason.Routine, s_pair));
        Assert.NotNull(_watch.Baseline);
        Assert.True(_watch.TryRelearn(RelearnReason.Moved, moved));
        Assert.Equal(DriftPhase.Calibrating, _watch.Report().Phase);
        Run(Calibration);
        Assert.Equal(moved, _watch.Baseline!.Pair);
    }

    [Fact]
    public void A_stored_baseline_is_read_back_and_used_for_its_own_pair_alone()
    {
        Run(Calibration);
        byte[] stored = _watch.Baseline!.Encode();
        var read = PairBaseline.TryDecode(stored, out string error);
        Assert.Equal("", error);
        Assert.Equal(stored, read!.Encode());
        var same = new DriftWatch(s_pair, s_kpis, TimeSpan.FromSeconds(1), Calibration, read);
        Assert.Equal(DriftPhase.Watching, same.Report().Phase);
        var turned = s_pair with { Primary = s_pair.Shadow, Shadow = s_pair.Primary };
        var other = new DriftWatch(turned, s_kpis, TimeSpan.FromSeconds(1), Calibration, read);
        Assert.Equal(DriftPhase.Calibrating, other.Report().Phase);
    }

    [Fact]
    public void A_baseline_of_another_version_or_with_a_wrong_list_is_refused()
    {
        Run(Calibration);
        var baseline = _watch.Baseline!;
        Assert.Null(PairBaseline.TryDecode((baseline with { Version = 2 }).Encode(), out string error));
        Assert.Contains("version 2", error, StringComparison.Ordinal);
        KpiBaseline[] kpis = [baseline.Kpis[0] with { Means = [0.5] }, .. baseline.Kpis.Skip(1)];
        Assert.Null(PairBaseline.TryDecode((baseline with { Kpis = kpis }).Encode(), out error));
        Assert.Contains("wrong length", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sample_allocates_nothing()
    {
        Run(Calibration + 100);
        double[] primary = new double[3];
        double[] shadow = new double[3];
        _simulated.Next(primary, shadow);
        long least = long.MaxValue;
        // The least of some: a collection that another test caused gives this thread a new piece of the heap.
        for (int attempt = 0; attempt < 5; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++) _watch.Observe(primary, shadow);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

    // Each host varies by itself, with a peak now and then; then both rise slowly to a level below those peaks.
    private static DriftReport WatchCommonRise(DriftOptions options)
    {
        var random = new Random(7);
        var watch = new DriftWatch(null, s_kpis[..1], TimeSpan.FromSeconds(1), Calibration, stored: null, options);
        for (int i = 0; i < Calibration + 2000; i++)
        {
            double level = 100 + Math.Clamp(0.02 * (i - Calibration - 100), 0, 10);
            watch.Observe([level + Noise()], [level + Noise()]);
        }

        return watch.Report();

        double Noise() => (20 * random.NextDouble()) + (random.Next(20) == 0 ? 60 * random.NextDouble() : 0);
    }

    private void Run(int samples, params (int Kpi, double Factor)[] changes) => Run(samples, 1, changes);

    private void Run(int samples, double bothBy, params (int Kpi, double Factor)[] changes)
    {
        double[] primary = new double[3];
        double[] shadow = new double[3];
        for (int i = 0; i < samples; i++)
        {
            _simulated.Next(primary, shadow);
            for (int k = 0; k < primary.Length; k++)
                (primary[k], shadow[k]) = (primary[k] * bothBy, shadow[k] * bothBy);
            foreach (var (kpi, factor) in changes) primary[kpi] *= factor;
            _watch.Observe(primary, shadow);
        }
    }
}
