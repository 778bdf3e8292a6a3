namespace Umbra.Core.Health;

/// <summary>The part that explains a drift best.</summary>
/// <param name="Component">Which part.</param>
/// <param name="Kind">What kind of part.</param>
/// <param name="Confidence">
/// Its share of all evidence, the unknown cause included, 0 to 1. Not a probability of being right.
/// </param>
/// <param name="Evidence">The events that speak against it, newest first.</param>
public sealed record SuspectComponent(
    string Component, ComponentKind Kind, double Confidence, IReadOnlyList<HealthEvent> Evidence);
