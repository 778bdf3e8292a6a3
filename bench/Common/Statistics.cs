namespace Umbra.Bench;

/// <summary>Figures over a number of measured values.</summary>
/// <param name="Count">How many values.</param>
/// <param name="Mean">Mean.</param>
/// <param name="P50">Median.</param>
/// <param name="P99">99th percentile; the largest value when there are fewer than a hundred.</param>
/// <param name="Max">Largest.</param>
public sealed record Statistics(int Count, double Mean, double P50, double P99, double Max)
{
    /// <summary>The figures of <paramref name="values"/>; null when there are none.</summary>
    public static Statistics? Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0
            ? null
            : new Statistics(
                sorted.Length, Round(sorted.Average()), Round(Quantile(sorted, 0.5)), Round(Quantile(sorted, 0.99)),
                Round(sorted[^1]));
    }

    /// <summary>The median of <paramref name="values"/>, of which there is at least one.</summary>
    public static double Median(IEnumerable<double> values) => Quantile([.. values.Order()], 0.5);

    /// <summary>Four significant digits: what is beyond is noise.</summary>
    public static double Round(double value)
    {
        if (value == 0 || !double.IsFinite(value)) return value;
        int digits = 3 - (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return digits is >= 0 and <= 15 ? Math.Round(value, digits) : Math.Round(value);
    }

    private static double Quantile(double[] sorted, double part) =>
        sorted[Math.Max(0, Math.Min(sorted.Length - 1, (int)Math.Ceiling(part * sorted.Length) - 1))];
}
