namespace Umbra.Core.Drift;

/// <summary>
/// The residual's own past: its last value and two averages. Regressing on averages over several horizons catches long
/// memory with three weights (Corsi 2009).
/// </summary>
internal struct ResidualMemory(double shortHalfLife, double longHalfLife)
{
    /// <summary>Number of regressors: a constant, last, short, long.</summary>
    public const int Width = 4;

    // After a gap of so many samples the last value says nothing any more, or the whole past.
    private const int ShortGap = 3;
    private const int LongGap = 64;

    private readonly double _shortShare = HalfLife.Share(shortHalfLife);
    private readonly double _longShare = HalfLife.Share(longHalfLife);
    private double _last;
    private double _short;
    private double _long;
    private int _gap;

    /// <summary>Fills the regressors for the next sample.</summary>
    public readonly void Fill(Span<double> row)
    {
        row[0] = 1;
        row[1] = _last;
        row[2] = _short;
        row[3] = _long;
    }

    /// <summary>Takes the residual, NaN where unknown.</summary>
    public void Push(double residual)
    {
        if (double.IsNaN(residual))
        {
            _gap++;
            if (_gap == ShortGap) _last = _short;
            if (_gap == LongGap) _last = _short = _long = 0;
            return;
        }

        _gap = 0;
        _last = residual;
        _short += _shortShare * (residual - _short);
        _long += _longShare * (residual - _long);
    }
}
