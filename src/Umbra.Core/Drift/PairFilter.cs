namespace Umbra.Core.Drift;

/// <summary>All KPIs of a pair on their way from readings to innovations.</summary>
internal sealed class PairFilter
{
    private readonly KpiFilter?[] _filters;
    private readonly double[] _bases;
    private readonly double _limit;

    public PairFilter(IReadOnlyList<KpiBaseline> baselines, DriftOptions options)
    {
        _filters = [.. baselines.Select(b => b.IsJudged ? new KpiFilter(b, options) : null)];
        _bases = new double[baselines.Count];
        Innovations = new double[baselines.Count];
        _limit = options.OthersLimit;
    }

    /// <summary>Innovations of the sample before the newest, NaN where unknown.</summary>
    public double[] Innovations { get; }

    /// <summary>The filter of a judged KPI.</summary>
    public KpiFilter? this[int kpi] => _filters[kpi];

    /// <summary>Takes one sample of all KPIs.</summary>
    public void Push(ReadOnlySpan<double> primary, ReadOnlySpan<double> shadow)
    {
        for (int k = 0; k < _filters.Length; k++)
        {
            double own = double.NaN;
            if (_filters[k] is { } filter)
            {
                filter.Push(primary[k], shadow[k]);
                own = filter.Base;
            }

            // An unknown neighbour says nothing.
            _bases[k] = double.IsNaN(own) ? 0 : Math.Clamp(own, -_limit, _limit);
        }

        for (int k = 0; k < _filters.Length; k++)
            Innovations[k] = _filters[k]?.Innovate(_bases) ?? double.NaN;
    }
}
