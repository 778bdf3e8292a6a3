namespace Umbra.Core.Health;

/// <summary>What the health events of a host add to what drift detection says.</summary>
/// <param name="Suspect">The part that explains the drift; null: nothing does, or there is no drift.</param>
/// <param name="HazardFactor">By what the host's hazard rate is to be multiplied, 1 to
/// <see cref="HealthCorrelation.HazardFactorMax"/>.</param>
/// <param name="Explanation">For people; never empty.</param>
public sealed record HealthVerdict(SuspectComponent? Suspect, double HazardFactor, string Explanation);
