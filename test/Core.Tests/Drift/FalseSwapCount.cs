using Umbra.Core.Api;
using Umbra.Core.Drift;

namespace Umbra.Core.Tests.Drift;

/// <summary>One false verdict of a recorded pair.</summary>
/// <param name="Pair">The pair.</param>
/// <param name="Kpi">The KPI.</param>
/// <param name="Day">When, days from the start of the series.</param>
/// <param name="Side">Whom it speaks against.</param>
/// <param name="Text">The judge's own words.</param>
internal sealed record FalseVerdict(string Pair, string Kpi, double Day, DriftSide Side, string Text);

/// <summary>
/// What a judge does to a recorded pair without drift. As in the living pair, a verdict moves the VM if its KPI is one
/// of hardware and <see cref="SideMeter"/> says that the primary got worse; the pair is then another one, and a new
/// baseline is learnt. Any other verdict changes nothing. In the stricter way of counting every verdict counts, and a
/// new baseline is learnt after each.
/// </summary>
/// <param name="WatchedDays">Days in which a baseline was there and something was known.</param>
/// <param name="Verdicts">What counts, by time.</param>
internal sealed record FalseSwapCount(double WatchedDays, IReadOnlyList<FalseVerdict> Verdicts)
{
    /// <summary>Runs a judge over a pair.</summary>
    public static FalseSwapCount Of(RecordedPair pair, Func<RecordedPair, IPairJudge> judge, bool everyVerdict)
    {
        var series = pair.Series;
        int width = series.Kpis.Count;
        var verdicts = new List<FalseVerdict>();
        long watched = 0;
        var current = judge(pair);
        SideMeter[] sides = [];
        for (int i = 0; i < series.Samples; i++)
        {
            var primary = series.Primary.AsSpan(i * width, width);
            var shadow = series.Shadow.AsSpan(i * width, width);
            current.Observe(primary, shadow);
            if (current.Baseline is not { } baseline) continue;
            if (sides.Length == 0) sides = [.. baseline.Kpis.Select(static kpi => new SideMeter(kpi))];
            watched += IsKnown(primary, shadow) ? 1 : 0;
            for (int k = 0; k < width; k++) sides[k].Push(primary[k], shadow[k]);
            for (int k = 0; k < width; k++)
            {
                if (!current.IsVerdict(k)) continue;
                var side = sides[k].Against(current.FormOf(k));
                if (!everyVerdict && !(pair.IsHardware[k] && side == DriftSide.Primary)) continue;
                double day = i * series.Sampling.TotalDays;
                verdicts.Add(new FalseVerdict(pair.Name, series.Kpis[k], day, side, current.Explain(k)));
                (current, sides) = (judge(pair), []);
                break;
            }
        }

        return new FalseSwapCount(watched * series.Sampling.TotalDays, verdicts);
    }

    /// <summary>The same over several pairs.</summary>
    public static FalseSwapCount Of(
        IEnumerable<RecordedPair> pairs, Func<RecordedPair, IPairJudge> judge, bool everyVerdict)
    {
        FalseSwapCount[] each =
            [.. pairs.AsParallel().AsOrdered().Select(pair => Of(pair, judge, everyVerdict))];
        return new FalseSwapCount(
            each.Sum(static one => one.WatchedDays), [.. each.SelectMany(static one => one.Verdicts)]);
    }

    private static bool IsKnown(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow)
    {
        bool any = false;
        for (int k = 0; k < primary.Length; k++) any |= !double.IsNaN(primary[k]) && !double.IsNaN(shadow[k]);
        return any;
    }
}
