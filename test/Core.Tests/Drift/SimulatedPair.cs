namespace Umbra.Core.Tests.Drift;

/// <summary>What the residual of a simulated pair is like.</summary>
public enum Residual
{
    /// <summary>Independent, normal.</summary>
    White = 0,

    /// <summary>Autoregressive, coefficient 0.9.</summary>
    Autocorrelated = 1,

    /// <summary>Student's t with 3 degrees of freedom.</summary>
    HeavyTailed = 2,

    /// <summary>A daily wave of the residual itself, besides noise with memory.</summary>
    Seasonal = 3,
}

/// <summary>
/// A simulated pair without drift, one sample a minute: both hosts carry the same load (a daily wave and a random walk
/// that reverts), each KPI follows it, and the primary's residual is of one of the kinds.
/// </summary>
internal sealed class SimulatedPair(Residual residual, int seed, int kpis)
{
    private const int DaySamples = 1440;

    private readonly Random _random = new(seed);
    private readonly double[] _memory = new double[kpis];
    private double _load;
    private long _sample;

    /// <summary>The next sample of all KPIs.</summary>
    public void Next(Span<double> primary, Span<double> shadow)
    {
        _load = (0.995 * _load) + (0.05 * Normal());
        double day = 2 * Math.PI * _sample / DaySamples;
        double shared = (0.5 * Math.Sin(day)) + _load;
        for (int k = 0; k < kpis; k++)
        {
            shadow[k] = 100 * Math.Exp((0.3 * shared) + (0.02 * Normal()));
            primary[k] = 120 * Math.Exp((0.3 * shared) + (0.03 * Next(k, day)));
        }

        _sample++;
    }

    private double Next(int k, double day)
    {
        double noise = residual == Residual.HeavyTailed ? Student() : Normal();
        double memory = residual switch { Residual.Autocorrelated => 0.9, Residual.Seasonal => 0.5, _ => 0 };
        _memory[k] = (memory * _memory[k]) + noise;
        return _memory[k] + (residual == Residual.Seasonal ? 1.5 * Math.Sin(day + k) : 0);
    }

    private double Student()
    {
        double squares = 0;
        for (int i = 0; i < 3; i++) squares += Math.Pow(Normal(), 2);
        return Normal() / Math.Sqrt(squares / 3);
    }

    private double Normal() =>
        Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
