namespace Umbra.Core.Drift;

/// <summary>
/// How high a score's conditional mean may be without drift, from the scores of the calibration window: their mean, a
/// margin for its error (in which dependent samples count less), a margin for shifts too small to matter, and as much
/// more as keeps the window's own evidence low, which pays for the restlessness that a pair has by itself.
/// </summary>
internal static class NullMean
{
    private const int SearchSteps = 20;

    public static double Of(
        ReadOnlySpan<double> scores, double threshold, double marginDeviations, double marginMin,
        DriftOptions options)
    {
        var (mean, deviation) = RobustStatistics.Moments(scores);
        if (double.IsNaN(mean)) return 1;
        double error = deviation * Math.Sqrt(DependenceTime(scores, mean, deviation, options) / Known(scores));
        double margin = (options.MarginErrors * error) + (marginDeviations * deviation);
        double low = mean + Math.Max(margin, marginMin);
        low = Math.Clamp(low, 0.001, 1);
        double limit = Math.Pow(threshold, options.CalibrationShare);
        if (Peak(scores, low, options) <= limit) return low;
        double high = 1;
        for (int i = 0; i < SearchSteps; i++)
        {
            double middle = (low + high) / 2;
            if (Peak(scores, middle, options) <= limit) high = middle;
            else low = middle;
        }

        return Math.Min(1, mean + (options.Restlessness * (high - mean)));
    }

    private static double Peak(ReadOnlySpan<double> scores, double mean, DriftOptions options)
    {
        var stream = default(EvidenceStream);
        var bets = new EvidenceBets(mean, options.GainMax);
        double peak = 0;
        foreach (double score in scores)
        {
            if (double.IsNaN(score)) continue;
            stream.Update(score, bets, double.MaxValue, 0);
            peak = Math.Max(peak, stream.Value);
        }

        return peak;
    }

    private static int Known(ReadOnlySpan<double> scores)
    {
        int known = 0;
        foreach (double score in scores) known += double.IsNaN(score) ? 0 : 1;
        return known;
    }

    // Samples that count as one: from the variance of means over blocks (batch means).
    private static double DependenceTime(
        ReadOnlySpan<double> scores, double mean, double deviation, DriftOptions options)
    {
        int block = Math.Max(4, (int)(Known(scores) / options.DependenceBlocks));
        double squares = 0;
        int blocks = 0;
        double sum = 0;
        int inBlock = 0;
        foreach (double score in scores)
        {
            if (double.IsNaN(score)) continue;
            sum += score - mean;
            if (++inBlock < block) continue;
            squares += sum * sum / block;
            blocks++;
            (sum, inBlock) = (0, 0);
        }

        return blocks == 0 || deviation == 0 ? block : Math.Max(1, squares / blocks / (deviation * deviation));
    }
}
