using Umbra.Core.Api;
using Umbra.Core.Decisions;
using Umbra.Core.Drift;
using Umbra.Core.Health;
using Umbra.Core.Sensors;

namespace Umbra.Core.Diagnosis;

/// <summary>
/// Ranks the parts of a host by what speaks against them. Drift names a family of parts, health events name the part;
/// of several families that drift the one that began first and drifts most leads.
/// </summary>
/// <remarks>
/// The weights are stated, not learnt, as are those of <see cref="HealthCorrelation"/>: a drift verdict weighs as much
/// as two fresh warnings, and against everything stands the cause that nobody sees. A drift that the canaries see again
/// on the host without the VM is seen twice and counts so, but no more than a verdict where it was none; one that they
/// see no more counts half, for it may have been load. What is not measured again, as the network, counts as it did.
/// </remarks>
public static class SuspectRanking
{
    /// <summary>Weight of a drift verdict (score 1), in fresh warnings.</summary>
    public const double DriftWeight = 2;

    /// <summary>A higher score says no more of where the cause is.</summary>
    public const double ScoreMax = 2;

    /// <summary>What an event counts that explains none of the KPIs that drift.</summary>
    public const double UnmatchedShare = 0.25;

    /// <summary>By so much the weight of a drift rises that is there without the VM too.</summary>
    public const double StillWorseFactor = 2;

    /// <summary>And falls of one that is gone with the VM.</summary>
    public const double AsUsualFactor = 0.5;

    /// <summary>Drift that began so much later than the first counts half: it rather is a consequence.</summary>
    public static readonly TimeSpan OnsetHalfLife = TimeSpan.FromMinutes(2);

    /// <summary>The candidates, the first being the suspect; empty: nothing speaks against any part.</summary>
    /// <param name="drift">Drift of the pair; null: none is known.</param>
    /// <param name="events">Health events of the suspected host.</param>
    /// <param name="now">UTC, from which events are aged; later ones are fresh.</param>
    /// <param name="after">What the canaries said after the VM had left; null: they were not run again.</param>
    public static IReadOnlyList<SuspectCandidate> Rank(
        DriftStatus? drift, IReadOnlyList<HealthEvent> events, DateTimeOffset now,
        IReadOnlyList<KpiComparison>? after = null)
    {
        KpiDrift[] against = [.. Against(drift)];
        var findings = (after ?? []).ToDictionary(static one => one.Kpi, static one => one.Finding);
        var weighed = Enum.GetValues<ComponentFamily>()
            .Select(family => Weigh(family, against, findings, events, now))
            .Where(static entry => entry.Weight > 0)
            .OrderByDescending(static entry => entry.Weight).ThenBy(static entry => entry.Candidate.Family).ToList();
        double total = weighed.Sum(static entry => entry.Weight) + HealthCorrelation.UnknownCauseWeight;
        return [.. weighed.Select(entry => entry.Candidate with { Confidence = entry.Weight / total })];
    }

    /// <summary>The KPIs whose drift speaks against the primary's hardware.</summary>
    public static IEnumerable<KpiDrift> Against(DriftStatus? drift) => (drift?.Kpis ?? []).Where(static kpi =>
        kpi.Side == DriftSide.Primary && kpi.Score > 0 && KpiSense.IsHardware(kpi.Kpi));

    /// <summary>The family that a part of this kind is of; null: it is no hardware.</summary>
    public static ComponentFamily? FamilyOf(ComponentKind kind) => kind switch
    {
        ComponentKind.Processor or ComponentKind.Fan or ComponentKind.Temperature => ComponentFamily.Processor,
        ComponentKind.Memory => ComponentFamily.Memory,
        ComponentKind.Drive => ComponentFamily.Drive,
        ComponentKind.Network => ComponentFamily.Network,
        ComponentKind.Reader => null,
        _ => ComponentFamily.Host,
    };

    private static (SuspectCandidate Candidate, double Weight) Weigh(
        ComponentFamily family, KpiDrift[] against, Dictionary<string, EmptyHostFinding> findings,
        IReadOnlyList<HealthEvent> events, DateTimeOffset now)
    {
        KpiDrift[] own = [.. against.Where(kpi => FamilyOf(kpi.Kpi) == family)];
        var parts = events.Where(entry => FamilyOf(entry.Kind) == family)
            .GroupBy(static entry => (entry.Component, entry.Kind))
            .Select(part => (
                Events: part.OrderByDescending(static entry => entry.Time).ToList(),
                Weight: Math.Min(
                    SuspicionRule.EventsOfAPartMax, part.Sum(entry => WeightOf(entry, against, now)))))
            .Where(static part => part.Weight > 0)
            .OrderByDescending(static part => part.Weight)
            .ThenBy(static part => part.Events[0].Component, StringComparer.Ordinal).ToList();
        var heaviest = parts.Count > 0 ? parts[0].Events[0] : null;
        string[] reasons =
        [
            .. own.Select(kpi =>
                (kpi.Explanation == "" ? $"{kpi.Kpi} drifts" : kpi.Explanation) + WordOf(kpi, findings)),
            .. parts.Select(static part => $"{part.Events[0].Component}: {part.Events[0].Message}"),
        ];
        var candidate = new SuspectCandidate(
            family, heaviest?.Kind ?? KindOf(family), heaviest?.Component ?? WordOf(family), 0,
            own.Min(static kpi => kpi.Onset), string.Join("; ", reasons));
        double drift = own.Select(kpi => Seen(Strength(kpi, against), kpi, findings)).DefaultIfEmpty(0).Max();
        return (candidate, (DriftWeight * drift) + parts.Sum(static part => part.Weight));
    }

    private static double Strength(KpiDrift kpi, KpiDrift[] against)
    {
        double halves = kpi.Onset is { } onset && against.Min(static other => other.Onset) is { } earliest
            ? Math.Max(0, (onset - earliest) / OnsetHalfLife)
            : 0;
        return Math.Min(kpi.Score, ScoreMax) * Math.Pow(2, -halves);
    }

    private static double Seen(double strength, KpiDrift kpi, Dictionary<string, EmptyHostFinding> findings) =>
        findings.GetValueOrDefault(kpi.Kpi) switch
        {
            EmptyHostFinding.StillWorse when strength < 1 => Math.Min(1, strength * StillWorseFactor),
            EmptyHostFinding.StillWorse => strength * StillWorseFactor,
            EmptyHostFinding.AsUsual => strength * AsUsualFactor,
            _ => strength,
        };

    private static string WordOf(KpiDrift kpi, Dictionary<string, EmptyHostFinding> findings) =>
        findings.GetValueOrDefault(kpi.Kpi) switch
        {
            EmptyHostFinding.StillWorse => " (still so without the VM)",
            EmptyHostFinding.AsUsual => " (not so any more without the VM)",
            _ => "",
        };

    private static double WeightOf(HealthEvent entry, KpiDrift[] against, DateTimeOffset now)
    {
        double match = against.Length == 0
            ? 1
            : Math.Max(UnmatchedShare, against.Max(kpi => HealthCorrelation.MatchOf(entry.Kind, kpi.Kpi)));
        return match * HealthCorrelation.WeightOf(entry, now);
    }

    /// <summary>The family that a KPI speaks of.</summary>
    internal static ComponentFamily FamilyOf(string kpi) => kpi.Split('.', 2)[0] switch
    {
        "memory" => ComponentFamily.Memory,
        "disk" => ComponentFamily.Drive,
        "net" => ComponentFamily.Network,
        "cpu" => ComponentFamily.Processor,
        _ => ComponentFamily.Host,
    };

    private static ComponentKind KindOf(ComponentFamily family) => family switch
    {
        ComponentFamily.Processor => ComponentKind.Processor,
        ComponentFamily.Memory => ComponentKind.Memory,
        ComponentFamily.Drive => ComponentKind.Drive,
        ComponentFamily.Network => ComponentKind.Network,
        _ => ComponentKind.Host,
    };

    private static string WordOf(ComponentFamily family) => family switch
    {
        ComponentFamily.Processor => "processors",
        ComponentFamily.Memory => "memory",
        ComponentFamily.Drive => "drives",
        ComponentFamily.Network => "network",
        _ => "host",
    };
}
