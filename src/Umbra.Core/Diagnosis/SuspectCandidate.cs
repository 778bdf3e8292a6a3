using Umbra.Core.Health;

namespace Umbra.Core.Diagnosis;

/// <summary>A part that may be what is going.</summary>
/// <param name="Family">Which family it is of.</param>
/// <param name="Kind">What kind of part.</param>
/// <param name="Component">
/// The part as its health events call it; where only drift speaks, the family in a word.
/// </param>
/// <param name="Confidence">
/// Its share of all evidence, the unknown cause included, 0 to 1. Not a probability of being right.
/// </param>
/// <param name="Onset">When its drift began, as estimated; null: it does not drift.</param>
/// <param name="Reason">What speaks against it, for people.</param>
public sealed record SuspectCandidate(
    ComponentFamily Family, ComponentKind Kind, string Component, double Confidence, DateTimeOffset? Onset,
    string Reason);
