namespace Umbra.Core.Health;

/// <summary>
/// Up to where a log was told of, by the clock of who writes it: the newest time, and which entries had it. A clock
/// that is set back while nobody reads hides what is written until it has caught up.
/// </summary>
/// <param name="Time">Time of the newest entry.</param>
/// <param name="Ids">The entries of that very time; <see cref="IdsMax"/> at most.</param>
public sealed record LogPosition(DateTimeOffset Time, IReadOnlyList<string> Ids)
{
    /// <summary>Most entries of one time; further ones are told again.</summary>
    public const int IdsMax = 64;

    /// <summary>Whether <paramref name="record"/> was told of. One without a time is not known to be.</summary>
    public bool Covers(HealthRecord record) =>
        record.Time is { } time && (time < Time || (time == Time && Ids.Contains(record.Id)));

    /// <summary>The position after <paramref name="record"/> as well.</summary>
    public static LogPosition? After(LogPosition? before, HealthRecord record)
    {
        if (record.Time is not { } time || time < before?.Time) return before;
        if (before is null || time > before.Time) return new LogPosition(time, [record.Id]);
        return before.Ids.Count == IdsMax || before.Ids.Contains(record.Id)
            ? before
            : before with { Ids = [.. before.Ids, record.Id] };
    }
}
