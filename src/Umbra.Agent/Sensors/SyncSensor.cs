using Umbra.Core.Sensors;

namespace Umbra.Agent.Sensors;

/// <summary>What the replication measures of itself.</summary>
/// <param name="lag">How far the shadow is behind, or how long an epoch takes to apply; null with the reason.</param>
/// <param name="pause">Mean pause since the last look; null with the reason.</param>
internal sealed class SyncSensor(
    Func<(TimeSpan? Value, string Reason)> lag, Func<(TimeSpan? Value, string Reason)> pause) : ISensor
{
    public IReadOnlyList<string> Kpis { get; } = [KpiNames.SyncPause, KpiNames.SyncLag];

    public Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now) => Task.FromResult<IReadOnlyList<KpiSample>>(
        [Sample(KpiNames.SyncPause, pause()), Sample(KpiNames.SyncLag, lag())]);

    private static KpiSample Sample(string kpi, (TimeSpan? Value, string Reason) measured) =>
        measured.Value is { } time
            ? KpiSample.Of(kpi, time.TotalMilliseconds)
            : KpiSample.Unknown(kpi, measured.Reason);
}
