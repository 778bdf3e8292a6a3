namespace Umbra.Core.Drift;

/// <summary>Order statistics that a few wild values do not move. Unknown values (NaN) are left out.</summary>
public static class RobustStatistics
{
    /// <summary>Makes the median absolute deviation of normal values their standard deviation.</summary>
    public const double MadToSigma = 1.4826;

    /// <summary>The known values of <paramref name="values"/>, ascending.</summary>
    public static double[] SortedKnown(ReadOnlySpan<double> values)
    {
        var known = new List<double>(values.Length);
        foreach (double value in values)
        {
            if (double.IsFinite(value)) known.Add(value);
        }

        known.Sort();
        return [.. known];
    }

    /// <summary>The quantile of ascending values, linear between neighbours; NaN when there are none.</summary>
    public static double Quantile(ReadOnlySpan<double> ascending, double share)
    {
        if (ascending.IsEmpty) return double.NaN;
        double at = share * (ascending.Length - 1);
        int below = (int)at;
        int above = Math.Min(below + 1, ascending.Length - 1);
        return ascending[below] + ((at - below) * (ascending[above] - ascending[below]));
    }

    /// <summary>The median; NaN when nothing is known.</summary>
    public static double Median(ReadOnlySpan<double> values) => Quantile(SortedKnown(values), 0.5);

    /// <summary>Median absolute deviation, in standard deviations of a normal distribution.</summary>
    public static double Mad(ReadOnlySpan<double> values)
    {
        double median = Median(values);
        double[] away = new double[values.Length];
        for (int i = 0; i < away.Length; i++) away[i] = Math.Abs(values[i] - median);
        return MadToSigma * Median(away);
    }

    /// <summary>Mean and standard deviation of the known values; NaN and 0 when nothing is known.</summary>
    public static (double Mean, double Deviation) Moments(ReadOnlySpan<double> values)
    {
        double mean = 0;
        double squares = 0;
        int count = 0;
        foreach (double value in values)
        {
            if (!double.IsFinite(value)) continue;
            count++;
            double delta = value - mean;
            mean += delta / count;
            squares += delta * (value - mean);
        }

        return count == 0 ? (double.NaN, 0) : (mean, Math.Sqrt(squares / count));
    }

    /// <summary>
    /// A spread for values of any kind: the MAD, but at least <paramref name="floorShare"/> of the standard deviation,
    /// since more than half of a quantised or sparse series can be one value and its MAD zero.
    /// </summary>
    public static double Spread(ReadOnlySpan<double> values, double floorShare) =>
        Math.Max(Mad(values), floorShare * Moments(values).Deviation);
}
