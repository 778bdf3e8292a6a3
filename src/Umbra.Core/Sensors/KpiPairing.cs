namespace Umbra.Core.Sensors;

/// <summary>The KPIs of both hosts of a pair in the same second.</summary>
/// <param name="At">When, on the shadow's clock.</param>
/// <param name="Primary">The primary's; null: none came for this second.</param>
/// <param name="Shadow">The shadow's own; null: it has none of this second.</param>
public sealed record KpiPair(TimeSpan At, KpiSet? Primary, KpiSet? Shadow);

/// <summary>
/// Brings the two series of a pair together, second by second and in order. Both hosts measure once a second, at any
/// phase; a set is paired with the other side's nearest, or stands alone when the other side has none.
/// </summary>
public sealed class KpiPairing
{
    /// <summary>Sets of the same second are no further apart than this: a half more than their phases can be.</summary>
    public static readonly TimeSpan DistanceMax = TimeSpan.FromMilliseconds(750);

    /// <summary>A set waits this long for its other side, which a slow link delays.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    /// <summary>Sets that wait on a side at most; beyond, the oldest is not waited for any more.</summary>
    public const int WaitingMax = 16;

    private readonly Queue<Waiting> _primary = new();
    private readonly Queue<Waiting> _shadow = new();
    private TimeSpan _newest = TimeSpan.MinValue;

    /// <summary>A set of the primary, measured at <paramref name="at"/> on the shadow's clock.</summary>
    public IReadOnlyList<KpiPair> AddPrimary(KpiSet set, TimeSpan at) => Add(_primary, set, at);

    /// <summary>A set of the shadow, measured at <paramref name="at"/>.</summary>
    public IReadOnlyList<KpiPair> AddShadow(KpiSet set, TimeSpan at) => Add(_shadow, set, at);

    /// <returns>What is settled by this, in order.</returns>
    private List<KpiPair> Add(Queue<Waiting> side, KpiSet set, TimeSpan at)
    {
        side.Enqueue(new Waiting(set, at));
        if (at > _newest) _newest = at;
        List<KpiPair> settled = [];
        while (Settle() is { } pair) settled.Add(pair);
        return settled;
    }

    private KpiPair? Settle()
    {
        bool hasPrimary = _primary.TryPeek(out Waiting primary), hasShadow = _shadow.TryPeek(out Waiting shadow);
        if (!hasPrimary && !hasShadow) return null;
        if (hasPrimary && hasShadow)
        {
            if ((primary.At - shadow.At).Duration() <= DistanceMax)
                return new KpiPair(_shadow.Dequeue().At, _primary.Dequeue().Set, shadow.Set);
            // The other side is beyond that second already: nothing will come for it.
            return primary.At < shadow.At ? Alone(_primary, isPrimary: true) : Alone(_shadow, isPrimary: false);
        }

        Queue<Waiting> only = hasPrimary ? _primary : _shadow;
        bool late = _newest - only.Peek().At > WaitMax || only.Count > WaitingMax;
        return late ? Alone(only, hasPrimary) : null;
    }

    private static KpiPair Alone(Queue<Waiting> side, bool isPrimary)
    {
        (KpiSet set, TimeSpan at) = side.Dequeue();
        return isPrimary ? new KpiPair(at, set, null) : new KpiPair(at, null, set);
    }

    private readonly record struct Waiting(KpiSet Set, TimeSpan At);
}
