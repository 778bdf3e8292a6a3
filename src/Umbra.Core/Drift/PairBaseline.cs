namespace Umbra.Core.Drift;

/// <summary>What a pair looks like without drift. It belongs to one VM and one pair of hosts.</summary>
/// <param name="Version">Version of the form.</param>
/// <param name="Sampling">Time between samples.</param>
/// <param name="Samples">Samples in the calibration window.</param>
/// <param name="Kpis">The KPIs, in the order in which samples are given.</param>
public sealed record PairBaseline(int Version, TimeSpan Sampling, int Samples, IReadOnlyList<KpiBaseline> Kpis)
{
    /// <summary>The version that this code writes and reads.</summary>
    public const int CurrentVersion = 1;
}
