using Umbra.Core.Basics;

namespace Umbra.Core.Health;

/// <summary>
/// Brings health events and drift together. Drift with a matching event names the part and raises the hazard much;
/// drift without one stays unexplained; an event without drift raises the hazard a little, so that epochs come closer.
/// </summary>
/// <remarks>
/// The weights are stated, not learnt: no data set here has both hardware events and drift. A warning counts 1, a
/// critical event 3, each halved per <see cref="HalfLife"/>; against them stands an unknown cause of weight
/// <see cref="UnknownCauseWeight"/>, so that one fresh warning names a part with confidence 0.5, a critical event with
/// 0.75, and agreeing events with more.
/// </remarks>
public static class HealthCorrelation
{
    /// <summary>Time in which evidence loses half its weight.</summary>
    public static readonly TimeSpan HalfLife = TimeSpan.FromHours(1);

    /// <summary>An event up to this long before a drift's onset, or any time after it, belongs to it.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(30);

    /// <summary>Weight of the cause that no reader sees.</summary>
    public const double UnknownCauseWeight = 1;

    /// <summary>Largest factor: more evidence does not make a host fail sooner than at once.</summary>
    public const double HazardFactorMax = 100;

    /// <summary>Largest factor of events alone, without drift.</summary>
    public const double EventsFactorMax = 10;

    // What one unit of matching evidence adds to the hazard, at a drift score of 1.
    private const double MatchGain = 10;

    // Beyond its window an event says little of this drift; a part of no certain influence says less than one that has.
    private const double OutsideWindow = 0.25, IndirectMatch = 0.3;

    private const double CriticalWeight = 3, WarningWeight = 1;

    private const double WeightMin = 0.01, DriftScoreMax = 2;

    /// <summary>
    /// How directly trouble of a part of this kind shows in a KPI: 1 directly, less where it may, 0 not at all.
    /// </summary>
    public static double MatchOf(ComponentKind kind, string kpi)
    {
        string family = kpi.Split('.', 2)[0];
        return (kind, family) switch
        {
            (ComponentKind.Memory, "memory") => 1,
            (ComponentKind.Memory, "cpu") => IndirectMatch,
            // Heat throttles the clock: work takes longer, and memory a little.
            (ComponentKind.Processor or ComponentKind.Fan or ComponentKind.Temperature, "cpu") => 1,
            (ComponentKind.Processor or ComponentKind.Fan or ComponentKind.Temperature, "memory") => IndirectMatch,
            (ComponentKind.Drive, "disk") => 1,
            (ComponentKind.Network, "net") => 1,
            // What syncing costs depends on both the drives and the link.
            (ComponentKind.Drive or ComponentKind.Network, "sync") => IndirectMatch,
            (ComponentKind.PowerSupply or ComponentKind.Voltage or ComponentKind.Host, _) => IndirectMatch,
            _ => 0,
        };
    }

    /// <summary>The weight of an event at <paramref name="now"/>: its severity's, halved per half-life.</summary>
    public static double WeightOf(HealthEvent entry, DateTimeOffset now)
    {
        if (entry.Kind == ComponentKind.Reader) return 0;
        double weight = entry.Severity switch
        {
            HealthSeverity.Critical => CriticalWeight,
            HealthSeverity.Warning => WarningWeight,
            _ => 0,
        };
        double halves = Math.Max(0, (now - entry.Time) / HalfLife);
        double decayed = weight * Math.Pow(2, -halves);
        return decayed < WeightMin ? 0 : decayed;
    }

    /// <summary>Weighs one host's events, with the drift of a VM on it or without.</summary>
    public static HealthVerdict Weigh(IReadOnlyList<HealthEvent> events, DriftFinding? drift, DateTimeOffset now)
    {
        double all = events.Sum(entry => WeightOf(entry, now));
        double alone = Math.Min(EventsFactorMax, 1 + all);
        if (drift is null)
        {
            return new HealthVerdict(null, alone, all > 0
                ? $"{events.Count(entry => WeightOf(entry, now) > 0)} health events, no drift"
                : "no health events of late");
        }

        Candidate[] candidates =
        [
            .. events.GroupBy(static entry => (entry.Component, entry.Kind))
                .Select(group => Candidate.Of(group.Key.Component, group.Key.Kind, group, drift, now))
                .Where(static candidate => candidate.Weight > 0)
                .OrderByDescending(static candidate => candidate.Weight)
                .ThenBy(static candidate => candidate.Component, StringComparer.Ordinal),
        ];
        if (candidates.Length == 0)
            return new HealthVerdict(null, alone, $"drift of {drift.Kpi} is unexplained: no health event matches it");
        Candidate first = candidates[0];
        double total = candidates.Sum(static candidate => candidate.Weight) + UnknownCauseWeight;
        double score = Math.Clamp(double.IsFinite(drift.Score) ? drift.Score : 0, 0, DriftScoreMax);
        double factor = Math.Min(HazardFactorMax, alone + (MatchGain * first.Weight * score));
        Invariant.Holds(factor >= 1);
        HealthEvent[] evidence = [.. first.Events.OrderByDescending(static entry => entry.Time)];
        return new HealthVerdict(
            new SuspectComponent(first.Component, first.Kind, first.Weight / total, evidence), factor,
            $"drift of {drift.Kpi} and {first.Component}: {evidence[0].Message}");
    }

    private sealed record Candidate(
        string Component, ComponentKind Kind, double Weight, IReadOnlyList<HealthEvent> Events)
    {
        public static Candidate Of(
            string component, ComponentKind kind, IEnumerable<HealthEvent> events, DriftFinding drift,
            DateTimeOffset now)
        {
            double match = MatchOf(kind, drift.Kpi);
            var weighed = events
                .Select(entry => (Event: entry, Weight: match * Nearness(entry, drift) * WeightOf(entry, now)))
                .Where(static pair => pair.Weight > 0).ToList();
            return new Candidate(
                component, kind, weighed.Sum(static pair => pair.Weight), [.. weighed.Select(static p => p.Event)]);
        }

        private static double Nearness(HealthEvent entry, DriftFinding drift) =>
            entry.Time >= drift.Onset - Window ? 1 : OutsideWindow;
    }
}
