namespace Umbra.Core.Drift;

/// <summary>
/// One KPI's way from two readings to an innovation: expectation from the shadow, then from the other KPIs, then from
/// the past. It judges the sample before the newest one, since the shadow's next value belongs to the expectation.
/// </summary>
internal sealed class KpiFilter
{
    private const double ResidualMax = 10;

    private readonly KpiBaseline _baseline;
    private readonly double[] _shadowWeights;
    private readonly double[] _otherWeights;
    private readonly double[] _memoryWeights;
    private readonly double _excessGain;
    private readonly double _levelGain;
    private ShadowTaps _taps;
    private ResidualMemory _memory;
    private readonly double _recentShare;
    private double _held = double.NaN;
    private double _recent;
    private double _recentExcess;

    public KpiFilter(KpiBaseline baseline, DriftOptions options)
    {
        _baseline = baseline;
        _shadowWeights = [.. baseline.ShadowWeights];
        _otherWeights = [.. baseline.OtherWeights];
        _memoryWeights = [.. baseline.MemoryWeights];
        var shadow = baseline.Shadow ?? new SeriesScale(1, 0, 1, 0, 0, 0, 0, 0, 0);
        _taps = new ShadowTaps(shadow, options);
        _memory = new ResidualMemory(options.ShortHalfLife, options.LongHalfLife);
        _recentShare = HalfLife.Share(options.LongHalfLife / 4);
        _excessGain = baseline.Primary is null ? 0 : options.ExcessGain * shadow.Spread / baseline.Primary.Spread;
        // Values of a level that was not seen can be within their range; then the fit has answered for its part.
        _levelGain = Math.Max(0, _excessGain - _shadowWeights.Skip(1).Sum());
    }

    /// <summary>The residual from the shadow alone in its spreads, for the sample before the newest; NaN
    /// unknown.</summary>
    public double Base { get; private set; } = double.NaN;

    /// <summary>The residual after the other KPIs, in its spreads.</summary>
    public double Residual { get; private set; } = double.NaN;

    /// <summary>The primary's recent level over the one to be expected, less 1; in the KPI's own unit.</summary>
    public double Change
    {
        get
        {
            double expected = _baseline.Primary!.Value(_recent - _recentExcess);
            return expected <= 0 ? 0 : (_baseline.Primary.Value(_recent) / expected) - 1;
        }
    }

    /// <summary>Takes the two readings of a sample, NaN where unknown.</summary>
    public void Push(double primary, double shadow)
    {
        _taps.Push(_baseline.Shadow is null ? 0 : _baseline.Shadow.Scaled(shadow));
        double judged = _held;
        _held = _baseline.Primary!.Scaled(primary);
        Base = double.NaN;
        Span<double> row = stackalloc double[ShadowTaps.Width];
        if (double.IsNaN(judged) || !_taps.TryFill(row)) return;
        Base = WithinExcess(judged - RobustRegression.Dot(row, _shadowWeights)) / _baseline.BaseSpread;
        _recent += _recentShare * (judged - _recent);
    }

    /// <summary>The innovation in its spreads, from all KPIs' base residuals; NaN where unknown.</summary>
    public double Innovate(ReadOnlySpan<double> bases)
    {
        Residual = double.NaN;
        if (!double.IsNaN(Base))
        {
            double shared = RobustRegression.Dot(bases, _otherWeights);
            double excess = (Base - shared) * _baseline.BaseSpread;
            Residual = excess / _baseline.ResidualSpread;
            _recentExcess += _recentShare * (excess - _recentExcess);
        }

        Span<double> row = stackalloc double[ResidualMemory.Width];
        _memory.Fill(row);
        double residual = Math.Clamp(Residual, -ResidualMax, ResidualMax);
        _memory.Push(residual);
        return (residual - RobustRegression.Dot(row, _memoryWeights)) / _baseline.InnovationSpread;
    }

    // Where the shadow is beyond all that was calibrated, anything between no answer and a full one is no drift.
    private double WithinExcess(double residual)
    {
        double level = _levelGain * _taps.LevelExcess;
        double high = Math.Max(level, _excessGain * _taps.ExcessHigh);
        double low = Math.Min(level, _excessGain * _taps.ExcessLow);
        return residual > 0 ? Math.Max(0, residual - high) : Math.Min(0, residual - low);
    }
}
