using Umbra.Core.Sensors;

namespace Umbra.Agent.Sensors;

/// <summary>Measures some KPIs of one VM when it is asked, once a second.</summary>
public interface ISensor
{
    /// <summary>What it measures; the same all its life.</summary>
    IReadOnlyList<string> Kpis { get; }

    /// <summary>
    /// Reads them; never asked again before it has answered. What it cannot read is unknown, with the reason; I/O
    /// exceptions make all of it unknown.
    /// </summary>
    /// <param name="now">The host's monotonic clock.</param>
    Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now);
}
