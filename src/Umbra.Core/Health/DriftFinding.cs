namespace Umbra.Core.Health;

/// <summary>What drift detection says of one KPI, as far as hardware health needs it.</summary>
/// <param name="Kpi">Name of the KPI: <c>memory.latency</c>, <c>disk.flush</c> ...</param>
/// <param name="Onset">When the drift began, as estimated.</param>
/// <param name="Score">Drift score: 1 is the threshold of a swap.</param>
public sealed record DriftFinding(string Kpi, DateTimeOffset Onset, double Score);
