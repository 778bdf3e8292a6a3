namespace Umbra.Core.Sensors;

/// <summary>
/// How often a canary repeats its fixed piece of work each second: as often as it was told to, or less where the
/// machine is so slow that this would cost more CPU time than it may have. The piece stays the same on every machine,
/// so that what it takes compares.
/// </summary>
/// <param name="budget">CPU time that the repetitions of a second may cost.</param>
/// <param name="repeatsMax">Repetitions where that fits the budget.</param>
public sealed class CanaryBudget(TimeSpan budget, int repeatsMax)
{
    /// <summary>What all canaries of a host's CPU set may cost a second: 1 % of a core.</summary>
    public static readonly TimeSpan PerSecond = TimeSpan.FromMilliseconds(10);

    /// <summary>Repetitions for the next second; at least one.</summary>
    public int Repeats { get; private set; } = 1;

    /// <summary>The repetitions of this second cost <paramref name="spent"/>.</summary>
    public void Spent(TimeSpan spent)
    {
        TimeSpan each = spent / Repeats;
        int fit = each > TimeSpan.Zero ? (int)Math.Min(budget / each, repeatsMax) : repeatsMax;
        Repeats = Math.Max(1, fit);
    }
}
