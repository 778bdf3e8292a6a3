namespace Umbra.Core.Drift;

/// <summary>
/// What of the shadow's series explains the primary's: its value now, one sample before and after (the two hosts'
/// clocks and the load's way to them differ), and its slow part. What the calibration has not seen is kept apart as
/// excess: how the primary answers to it is not known. That is a value beyond the range of single values, or a level
/// beyond that of levels: one that lasts is new long before its single values are.
/// </summary>
internal struct ShadowTaps
{
    /// <summary>Number of regressors: a constant, next, now, previous, slow.</summary>
    public const int Width = 5;

    // A reading that is missing for longer than this leaves the expectation unknown.
    private const int HoldMax = 3;

    private readonly double _low;
    private readonly double _high;
    private readonly double _slowShare;
    private double _next = double.NaN;
    private double _now = double.NaN;
    private double _previous = double.NaN;
    private double _slow = double.NaN;
    private double _excessNext;
    private double _excessNow;
    private double _excessPrevious;
    private int _missing;
    private readonly double _levelLow;
    private readonly double _levelHigh;
    private RunningLevel _level;

    public ShadowTaps(SeriesScale scale, DriftOptions options)
    {
        (_low, _high) = (scale.Low, scale.High);
        (_levelLow, _levelHigh) = (scale.LevelLow, scale.LevelHigh);
        _slowShare = HalfLife.Share(options.ShadowSlowHalfLife);
        _level = new RunningLevel(options.ShadowLevelHalfLife);
    }

    /// <summary>The slow part, for the sample before the newest.</summary>
    public readonly double Slow => _slow;

    /// <summary>Highest excess above the calibration's range around the sample before the newest; 0 or more.</summary>
    public readonly double ExcessHigh => Math.Max(0, Math.Max(_excessNext, Math.Max(_excessNow, _excessPrevious)));

    /// <summary>Lowest excess below the range; 0 or less.</summary>
    public readonly double ExcessLow => Math.Min(0, Math.Min(_excessNext, Math.Min(_excessNow, _excessPrevious)));

    /// <summary>How far the level is beyond the calibration's levels: above zero, below, or zero within.</summary>
    public readonly double LevelExcess => _level.Value - Math.Clamp(_level.Value, _levelLow, _levelHigh);

    /// <summary>Takes the newest scaled value, NaN where unknown.</summary>
    public void Push(double scaled)
    {
        if (double.IsNaN(scaled))
        {
            _missing++;
            if (_missing > HoldMax) _next = double.NaN;
            Shift(_next, 0);
            return;
        }

        _missing = 0;
        _level.Push(scaled);
        double inside = Math.Clamp(scaled, _low, _high);
        Shift(inside, scaled - inside);
    }

    /// <summary>Fills the regressors for the sample before the newest; false where the shadow is unknown.</summary>
    public readonly bool TryFill(Span<double> row)
    {
        row[0] = 1;
        row[1] = double.IsNaN(_next) ? _now : _next;
        row[2] = _now;
        row[3] = double.IsNaN(_previous) ? _now : _previous;
        row[4] = _slow;
        return !double.IsNaN(_now);
    }

    private void Shift(double value, double excess)
    {
        (_previous, _now, _next) = (_now, _next, value);
        (_excessPrevious, _excessNow, _excessNext) = (_excessNow, _excessNext, excess);
        if (double.IsNaN(_now)) return;
        _slow = double.IsNaN(_slow) ? _now : _slow + (_slowShare * (_now - _slow));
    }
}

/// <summary>A series' running level: an average that forgets, from the calibration's median on.</summary>
internal struct RunningLevel(double halfLife)
{
    private readonly double _share = HalfLife.Share(halfLife);

    /// <summary>The level, scaled.</summary>
    public double Value { get; private set; }

    /// <summary>Takes a scaled value; NaN leaves the level as it is.</summary>
    public void Push(double scaled)
    {
        if (!double.IsNaN(scaled)) Value += _share * (scaled - Value);
    }
}

/// <summary>Exponential forgetting.</summary>
internal static class HalfLife
{
    /// <summary>What one sample moves an average of this half-life by.</summary>
    public static double Share(double samples) => 1 - Math.Pow(0.5, 1 / samples);
}
