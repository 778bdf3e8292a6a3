using Umbra.Core.Api;
using Umbra.Core.Health;

namespace Umbra.Core.Decisions;

/// <summary>
/// Weighs drift and hardware health of one host together. Health events that explain a drift add to it; others stand
/// beside it. Events alone amount to a verdict only when several parts are in a critical state: one part's word may be
/// that of a broken sensor.
/// </summary>
public static class SuspicionRule
{
    /// <summary>
    /// Weight of events (<see cref="HealthCorrelation.WeightOf"/>) that equals a drift verdict: two parts that are
    /// freshly critical.
    /// </summary>
    public const double EventsOfAVerdict = 6;

    /// <summary>What one part can weigh, however often it is told of.</summary>
    public const double EventsOfAPartMax = 3;

    private static readonly Suspicion OnlyAHint = new(0, true, "");

    /// <summary>What speaks against the host on <paramref name="side"/> of a pair.</summary>
    public static Suspicion Weigh(
        DriftStatus? drift, DriftSide side, IReadOnlyList<HealthEvent> events, DateTimeOffset now)
    {
        var (worst, hint) = WorstOf(drift, side);
        double hardware = WeightOf(events, now) / EventsOfAVerdict;
        if (worst is null && events.Count == 0) return hint ? OnlyAHint : Suspicion.None;
        if (worst is null) return new Suspicion(hardware, hint, Describe(events, hardware, now));
        if (events.Count == 0) return new Suspicion(worst.Score, hint, worst.Explanation);
        var finding = new DriftFinding(worst.Kpi, worst.Onset ?? now, worst.Score);
        var verdict = HealthCorrelation.Weigh(events, finding, now);
        string text = Join(worst.Explanation, verdict.Suspect is null ? "" : verdict.Explanation);
        return verdict.Suspect is null
            ? new Suspicion(Math.Max(worst.Score, hardware), hint, Join(text, Describe(events, hardware, now)))
            : new Suspicion(worst.Score + hardware, hint, text);
    }

    /// <summary>The KPI that speaks most against the side, null: none does; and whether any hints at it.</summary>
    public static (KpiDrift? Worst, bool Hint) WorstOf(DriftStatus? drift, DriftSide side)
    {
        KpiDrift? worst = null;
        bool hint = false;
        // Every VM's, four times a second: without closures and iterators.
        for (int n = 0; n < (drift?.Kpis.Count ?? 0); n++)
        {
            var kpi = drift!.Kpis[n];
            if (kpi.Side != side) continue;
            hint |= kpi.Hint;
            if (kpi.Score > (worst?.Score ?? 0)) worst = kpi;
        }

        return (worst, hint);
    }

    private static double WeightOf(IReadOnlyList<HealthEvent> events, DateTimeOffset now) => events.Count == 0
        ? 0
        : WeightOfParts(events, now);

    private static double WeightOfParts(IReadOnlyList<HealthEvent> events, DateTimeOffset now) => events
        .GroupBy(static entry => (entry.Component, entry.Kind))
        .Sum(part => Math.Min(EventsOfAPartMax, part.Sum(entry => HealthCorrelation.WeightOf(entry, now))));

    private static string Describe(IReadOnlyList<HealthEvent> events, double hardware, DateTimeOffset now)
    {
        if (hardware <= 0) return "";
        var heaviest = events
            .Where(entry => HealthCorrelation.WeightOf(entry, now) > 0)
            .OrderByDescending(entry => HealthCorrelation.WeightOf(entry, now))
            .Select(static entry => $"{entry.Component}: {entry.Message}").Distinct().Take(3);
        return "hardware events: " + string.Join("; ", heaviest);
    }

    private static string Join(string one, string other) =>
        one == "" ? other : other == "" ? one : $"{one}; {other}";
}
