using System.Diagnostics;
using Spectre.Console;

namespace Umbra.Demo;

/// <summary>Prints what happens with the time since the start.</summary>
/// <param name="console">Where to.</param>
public sealed class Timeline(IAnsiConsole console)
{
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Since the start.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <summary>A step of the demo.</summary>
    public void Say(string text) => Write("bold", text);

    /// <summary>Something seen on the way.</summary>
    public void Note(string text) => Write("dim", text);

    /// <summary>A statement, true or not.</summary>
    public void Show(Check check)
    {
        (string style, string verdict) = check.Holds switch
        {
            true => ("green", "true"),
            false => ("red", "FALSE"),
            null => ("yellow", "not measured"),
        };
        Write(style, $"{verdict}: {check.Name} ({check.Detail})");
    }

    private void Write(string style, string text) =>
        console.MarkupLineInterpolated($"[blue]{Elapsed.TotalSeconds,7:0.0} s[/]  [{style}]{text}[/]");
}
