using Umbra.Core.Drift;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>
/// The stated rate, at most one false verdict per VM in 90 days, on simulated pairs without drift. A pair-hour is 60
/// samples a minute apart of a pair with three KPIs; each pair is calibrated on one day and watched for nine. In full
/// (UMBRA_LONG=1) each kind of residual runs for 250,000 pair-hours, a million in all.
/// </summary>
public sealed class FalseVerdictTests(ITestOutputHelper output)
{
    private const int Kpis = 3;
    private const int DaySamples = 1440;
    private const int WatchedDays = 9;
    private const double FalseVerdictDays = 90;

    // Siegmund's approximation: a two-sided CUSUM with this limit has one false alarm in 90 days at a sample a minute,
    // if the samples are independent and normal.
    private const double CusumReference = 0.5;
    private const double CusumLimit = 10.6;

    private static int Pairs =>
        (Environment.GetEnvironmentVariable("UMBRA_LONG") == "1" ? 250_000 : 5_000) / (24 * WatchedDays);

    [Theory]
    [InlineData(Residual.White)]
    [InlineData(Residual.Autocorrelated)]
    [InlineData(Residual.HeavyTailed)]
    [InlineData(Residual.Seasonal)]
    public void Verdicts_without_drift_keep_to_the_stated_rate(Residual residual)
    {
        int verdicts = Enumerable.Range(0, Pairs).AsParallel().Sum(pair => Verdicts(residual, pair));
        output.WriteLine($"{residual}: {verdicts} verdicts, at most {Allowed():0.0} on average");
        Assert.True(IsWithin(verdicts), $"{verdicts} verdicts in {Pairs * WatchedDays} pair-days");
    }

    [Fact]
    public void A_cusum_set_for_independent_samples_fails_the_same_check()
    {
        int verdicts = Enumerable.Range(0, Pairs).AsParallel()
            .Sum(static pair => CusumVerdicts(Residual.Autocorrelated, pair));
        output.WriteLine($"plain CUSUM: {verdicts} verdicts, at most {Allowed():0.0} on average");
        Assert.False(IsWithin(verdicts), $"only {verdicts} verdicts");
    }

    // Three standard deviations of a Poisson count above the stated mean.
    private static bool IsWithin(int verdicts) => verdicts <= Allowed() + (3 * Math.Sqrt(Allowed()));

    private static double Allowed() => Pairs * WatchedDays / FalseVerdictDays;

    private static int Verdicts(Residual residual, int pair)
    {
        var simulated = new SimulatedPair(residual, pair, Kpis);
        string[] names = ["a", "b", "c"];
        var watch = new DriftWatch(null, names, TimeSpan.FromMinutes(1), DaySamples);
        double[] primary = new double[Kpis];
        double[] shadow = new double[Kpis];
        bool[] raised = new bool[Kpis];
        int verdicts = 0;
        for (int i = 0; i < DaySamples * (1 + WatchedDays); i++)
        {
            simulated.Next(primary, shadow);
            watch.Observe(primary, shadow);
            for (int k = 0; watch.Detector is { } detector && k < Kpis; k++)
            {
                double score = detector.Score(k);
                if (score >= 1 && !raised[k]) verdicts++;
                raised[k] = score >= 1 || (raised[k] && score > 0.5);
            }
        }

        return verdicts;
    }

    private static int CusumVerdicts(Residual residual, int pair)
    {
        var simulated = new SimulatedPair(residual, pair, Kpis);
        double[] primary = new double[Kpis];
        double[] shadow = new double[Kpis];
        double[] calibration = new double[DaySamples];
        for (int i = 0; i < DaySamples; i++)
        {
            simulated.Next(primary, shadow);
            calibration[i] = Math.Log(primary[0] / shadow[0]);
        }

        double median = RobustStatistics.Median(calibration);
        double sigma = RobustStatistics.Mad(calibration);
        var (up, down, verdicts) = (0.0, 0.0, 0);
        for (int i = 0; i < DaySamples * WatchedDays; i++)
        {
            simulated.Next(primary, shadow);
            double z = (Math.Log(primary[0] / shadow[0]) - median) / sigma;
            (up, down) = (Math.Max(0, up + z - CusumReference), Math.Max(0, down - z - CusumReference));
            if (Math.Max(up, down) <= CusumLimit) continue;
            verdicts++;
            (up, down) = (0, 0);
        }

        return verdicts;
    }
}
