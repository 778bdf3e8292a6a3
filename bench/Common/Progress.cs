using System.Diagnostics;
using System.Globalization;

namespace Umbra.Bench;

/// <summary>Tells on standard error what a benchmark is doing.</summary>
public static class Progress
{
    private static readonly long s_start = Stopwatch.GetTimestamp();

    /// <summary>One line, with the time since the start.</summary>
    public static void Say(string text) => Console.Error.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(s_start).TotalSeconds,7:0.0} s  {text}"));
}
