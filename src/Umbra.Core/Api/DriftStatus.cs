using Umbra.Core.Drift;

namespace Umbra.Core.Api;

/// <summary>How far the drift watch of a pair is.</summary>
public enum DriftWatchState
{
    /// <summary>Nobody watches; the reason says why.</summary>
    Off = 0,

    /// <summary>The baseline is being learnt.</summary>
    Learning = 1,

    /// <summary>Every sample is weighed.</summary>
    Watching = 2,
}

/// <summary>What the drift watch of a pair says, at the shadow's agent.</summary>
public sealed record DriftStatus
{
    /// <summary>Most KPIs that are told of one pair.</summary>
    public const int KpisMax = 32;

    /// <summary>How far it is.</summary>
    public DriftWatchState State { get; init; }

    /// <summary>Why it is in that state, for people; never empty.</summary>
    public string Reason { get; init; } = "not watched yet";

    /// <summary>Part of the baseline that is learnt, 0 to 1.</summary>
    public double Progress { get; init; }

    /// <summary>The KPIs, those with the highest scores first.</summary>
    public IReadOnlyList<KpiDrift> Kpis { get; init; } = [];
}

/// <summary>Drift of one KPI.</summary>
public sealed record KpiDrift
{
    /// <summary>Its name: <c>disk.latency</c> ...</summary>
    public required string Kpi { get; init; }

    /// <summary>Log evidence over the threshold's: 0 none, 1 a verdict.</summary>
    public double Score { get; init; }

    /// <summary>Whether a hint is up: enough to sync faster, not to move.</summary>
    public bool Hint { get; init; }

    /// <summary>The form that the evidence is for; null: there is hardly any.</summary>
    public DriftForm? Form { get; init; }

    /// <summary>Which side got worse.</summary>
    public DriftSide Side { get; init; }

    /// <summary>When it began, as estimated; null: no drift.</summary>
    public DateTimeOffset? Onset { get; init; }

    /// <summary>By how much the level has changed against what the other side lets expect: 0.35 is 35 % more.</summary>
    public double Change { get; init; }

    /// <summary>What the primary's readings were while the baseline was learnt; null: not told.</summary>
    public UsualRange? PrimaryUsual { get; init; }

    /// <summary>The shadow's; null: not told, or all of its readings were unknown.</summary>
    public UsualRange? ShadowUsual { get; init; }

    /// <summary>What it rests on, with the numbers, for people; empty when there is nothing.</summary>
    public string Explanation { get; init; } = "";
}

/// <summary>What a KPI of one host is without drift, in the KPI's unit.</summary>
/// <param name="Low">One reading of 200 was lower.</param>
/// <param name="Median">Half of them were.</param>
/// <param name="High">One reading of 200 was higher.</param>
public sealed record UsualRange(double Low, double Median, double High);

/// <summary>Which of the two sides a drift speaks against.</summary>
public enum DriftSide
{
    /// <summary>Against the primary's host.</summary>
    Primary = 0,

    /// <summary>Against the shadow's.</summary>
    Shadow = 1,

    /// <summary>Against neither: it comes from what the guest does, or a side got better.</summary>
    Neither = 2,
}
