namespace Umbra.Core.Epochs;

/// <summary>
/// How a call into the outside world (emulator, disk, files) went. A failure is an expected case with a text for
/// people; the session decides what follows from it. The shell measures the time, because Core has no clock.
/// </summary>
/// <param name="Succeeded">Whether it did what it is for.</param>
/// <param name="Duration">How long it took; zero where nobody measures.</param>
/// <param name="Detail">Why it failed, for people; empty on success.</param>
public readonly record struct CallOutcome(bool Succeeded, TimeSpan Duration, string Detail)
{
    /// <summary>It went well, and nobody measured how long it took.</summary>
    public static CallOutcome Done => new(true, TimeSpan.Zero, "");

    /// <summary>It went well and took <paramref name="duration"/>.</summary>
    public static CallOutcome DoneIn(TimeSpan duration) => new(true, duration, "");

    /// <summary>It failed because of <paramref name="detail"/>.</summary>
    public static CallOutcome Failed(string detail) => new(false, TimeSpan.Zero, detail);
}
