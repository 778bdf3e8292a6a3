namespace Umbra.Core.Diagnosis;

/// <summary>The hardware KPIs of both sides of a pair over the last minutes before a decision.</summary>
/// <param name="Kpis">Their names, in the order of each moment's values.</param>
/// <param name="Moments">Oldest first, one for each second of which the controller heard.</param>
public sealed record KpiSeries(IReadOnlyList<string> Kpis, IReadOnlyList<KpiMoment> Moments)
{
    /// <summary>The values of one KPI, oldest first; empty: it is not among them.</summary>
    public IEnumerable<(TimeSpan Ago, float? Primary, float? Shadow)> Of(string kpi)
    {
        int place = Kpis.ToList().IndexOf(kpi);
        return place < 0
            ? []
            : Moments.Select(moment => (
                moment.Ago, moment.Primary.ElementAtOrDefault(place), moment.Shadow.ElementAtOrDefault(place)));
    }
}

/// <summary>One second of a <see cref="KpiSeries"/>.</summary>
/// <param name="Ago">How long before the decision.</param>
/// <param name="Primary">The old host's values; null: unknown.</param>
/// <param name="Shadow">The new host's.</param>
public sealed record KpiMoment(TimeSpan Ago, IReadOnlyList<float?> Primary, IReadOnlyList<float?> Shadow);
