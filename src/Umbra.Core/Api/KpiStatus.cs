using Umbra.Core.Sensors;

namespace Umbra.Core.Api;

/// <summary>
/// The newest KPIs of a VM as a host of its pair knows them: its own and, on the shadow's host where both series meet,
/// the primary's. Each list has one sample for each KPI at most.
/// </summary>
public sealed record KpiStatus
{
    /// <summary>Measured by this host; empty before the first second.</summary>
    public IReadOnlyList<KpiSample> Here { get; init; } = [];

    /// <summary>Age of <see cref="Here"/>.</summary>
    public TimeSpan Age { get; init; }

    /// <summary>On the shadow's host: what the primary's agent sent for the newest second that both have.</summary>
    public IReadOnlyList<KpiSample> Primary { get; init; } = [];

    /// <summary>On the shadow's host: seconds for which both series are there.</summary>
    public long Pairs { get; init; }
}
