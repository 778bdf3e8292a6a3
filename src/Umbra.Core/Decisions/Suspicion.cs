namespace Umbra.Core.Decisions;

/// <summary>
/// What speaks against the hardware under one copy of a VM, drift and hardware health weighed together.
/// </summary>
/// <param name="Weight">
/// 0: nothing; <see cref="DecisionLimits.SwapWeight"/>: enough to leave it. Never negative, never not a number.
/// </param>
/// <param name="Hint">Whether drift is hinted at: enough to sync faster.</param>
/// <param name="Explanation">What it rests on, with the numbers, for people; empty when there is nothing.</param>
public sealed record Suspicion(double Weight, bool Hint, string Explanation)
{
    /// <summary>Nothing speaks against it.</summary>
    public static Suspicion None { get; } = new(0, false, "");
}
