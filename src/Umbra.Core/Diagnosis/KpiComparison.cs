using Umbra.Core.Api;

namespace Umbra.Core.Diagnosis;

/// <summary>What a canary says after the VM has left, against what it said before.</summary>
public enum EmptyHostFinding
{
    /// <summary>Nothing can be said of it.</summary>
    Unclear = 0,

    /// <summary>As bad as during the drift: it is the host itself.</summary>
    StillWorse = 1,

    /// <summary>As usual again: the cause left with the VM, or was load.</summary>
    AsUsual = 2,

    /// <summary>Worse than usual, though it did not drift while the VM was there.</summary>
    WorseOnlyNow = 3,
}

/// <summary>One KPI of the old host in three times, in the KPI's unit.</summary>
public sealed record KpiComparison
{
    /// <summary>Its name.</summary>
    public required string Kpi { get; init; }

    /// <summary>Whether its drift spoke against the host.</summary>
    public bool Drifted { get; init; }

    /// <summary>While the pair's baseline was learnt; null: not known.</summary>
    public UsualRange? Usual { get; init; }

    /// <summary>Median from its onset to the decision; null: it did not drift, or no value is known.</summary>
    public double? During { get; init; }

    /// <summary>Median after the VM had left; null: no value.</summary>
    public double? After { get; init; }

    /// <summary>What that says.</summary>
    public required EmptyHostFinding Finding { get; init; }

    /// <summary>The same for people, with the reason where nothing can be said.</summary>
    public required string Reading { get; init; }
}
