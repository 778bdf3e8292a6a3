using Umbra.Core.Api;

namespace Umbra.Core.Drift;

/// <summary>
/// Brings one host's series of a KPI on a common scale: the logarithm, less its median, in units of its spread.
/// </summary>
/// <param name="Offset">
/// Added before the logarithm is taken, in the KPI's unit: about the series' typical value, so that zeros and the noise
/// of small values do not dwarf everything else.
/// </param>
/// <param name="Median">Median of the logarithms in the calibration window.</param>
/// <param name="Spread">Their spread; positive.</param>
/// <param name="Low">Lowest scaled value that counts as seen in the calibration window.</param>
/// <param name="High">Highest one.</param>
/// <param name="LevelLow">Lowest running level of scaled values that counts as seen there.</param>
/// <param name="LevelHigh">Highest one.</param>
/// <param name="Height">Mean square of what scaled values had above their median there.</param>
/// <param name="Swing">Mean square of what they had above their own running level before them.</param>
public sealed record SeriesScale(
    double Offset, double Median, double Spread, double Low, double High, double LevelLow, double LevelHigh,
    double Height, double Swing)
{
    private const double SpreadFloorShare = 0.3;
    private const double SpreadMin = 1e-6;
    private const double RangeShare = 0.005;
    // What is further away than this is known to be far away; a size of one glitch has no weight.
    private const double ScaledMax = 12;

    /// <summary>
    /// The scale of a series; null where it says nothing: it has no two different values, and what change would matter
    /// is not known.
    /// </summary>
    /// <param name="values">The series; NaN where it is unknown.</param>
    /// <param name="smallest">The change that matters: it is one spread at the most.</param>
    /// <param name="levelHalfLife">Half-life of its running level, samples.</param>
    public static SeriesScale? Fit(ReadOnlySpan<double> values, SmallestChange smallest, double levelHalfLife)
    {
        double[] known = RobustStatistics.SortedKnown(values);
        if (known.Length == 0) return null;
        double typical = RobustStatistics.Quantile(known, 0.5);
        double change = smallest.At(typical);
        if (known[0] == known[^1] && change == 0) return null;
        double offset = Math.Abs(typical);
        if (offset == 0) offset = Math.Abs(RobustStatistics.Moments(known).Mean);
        offset = Math.Max(offset, change);
        if (offset == 0) return null;
        double[] logs = new double[known.Length];
        for (int i = 0; i < known.Length; i++) logs[i] = Log(known[i], offset);
        double median = RobustStatistics.Quantile(logs, 0.5);
        double spread = Math.Max(SpreadMin, RobustStatistics.Spread(logs, SpreadFloorShare));
        spread = Math.Max(spread, Log(typical + change, offset) - median);
        var scale = new SeriesScale(
            offset, median, spread, (RobustStatistics.Quantile(logs, RangeShare) - median) / spread,
            (RobustStatistics.Quantile(logs, 1 - RangeShare) - median) / spread, 0, 0, 0, 0);
        return scale.WithLevels(values, levelHalfLife).WithRises(values);
    }

    /// <summary>
    /// The scale of a series that was constant while <paramref name="other"/>, its like, was not: the other's unit, and
    /// no range. Whatever it does later is new.
    /// </summary>
    public static SeriesScale? FitConstant(ReadOnlySpan<double> values, SeriesScale other)
    {
        double value = RobustStatistics.Median(values);
        if (!double.IsFinite(value)) return null;
        double offset = Math.Max(Math.Abs(value), other.Offset);
        return new SeriesScale(offset, Log(value, offset), other.Spread, 0, 0, 0, 0, 0, 0);
    }

    /// <summary>The scaled value; NaN where it is unknown.</summary>
    public double Scaled(double value)
    {
        if (!double.IsFinite(value)) return double.NaN;
        return Math.Clamp((Log(value, Offset) - Median) / Spread, -ScaledMax, ScaledMax);
    }

    /// <summary>The change that matters, in spreads: 0 to 1 for the one that the scale was fitted with.</summary>
    public double Of(SmallestChange smallest)
    {
        double typical = Value(0);
        return (Log(typical + smallest.At(typical), Offset) - Median) / Spread;
    }

    /// <summary>The value in the KPI's unit.</summary>
    public double Value(double scaled) => Math.Exp((scaled * Spread) + Median) - Offset;

    /// <summary>What the series looked like in the calibration window, in the KPI's unit.</summary>
    public UsualRange Usual => new(Value(Low), Value(0), Value(High));

    private SeriesScale WithLevels(ReadOnlySpan<double> values, double halfLife)
    {
        var level = new RunningLevel(halfLife);
        double[] levels = new double[values.Length];
        for (int i = 0; i < levels.Length; i++)
        {
            double scaled = Scaled(values[i]);
            level.Push(scaled);
            levels[i] = double.IsNaN(scaled) ? double.NaN : level.Value;
        }

        double[] known = RobustStatistics.SortedKnown(levels);
        return this with
        {
            LevelLow = RobustStatistics.Quantile(known, RangeShare),
            LevelHigh = RobustStatistics.Quantile(known, 1 - RangeShare),
        };
    }

    private SeriesScale WithRises(ReadOnlySpan<double> values)
    {
        var rise = new Rise();
        var (height, swing, known) = (0.0, 0.0, 0);
        foreach (double value in values)
        {
            double scaled = Scaled(value);
            if (double.IsNaN(scaled)) continue;
            rise.Push(scaled);
            known++;
            height += rise.Height;
            swing += rise.Swing;
        }

        return this with { Height = height / known, Swing = swing / known };
    }

    // Values below zero make no sense for the KPIs there are; they count as zero.
    private static double Log(double value, double offset) => Math.Log(Math.Max(value, 0) + offset);
}
