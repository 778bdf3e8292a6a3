using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>
/// Pressure stall information (the kernel's Documentation/accounting/psi): <c>/proc/pressure/*</c> and the
/// <c>*.pressure</c> files of control groups.
/// </summary>
/// <param name="SomeMicroseconds">Time in which at least one task was stalled, µs, since boot.</param>
/// <param name="FullMicroseconds">Time in which all of them were, µs; null where the kernel does not say.</param>
public readonly record struct Pressure(ulong SomeMicroseconds, ulong? FullMicroseconds)
{
    private const int LinesMax = 8;

    /// <summary>The values in <paramref name="text"/>, or null when it is not such a text.</summary>
    public static Pressure? Parse(string text)
    {
        ulong? some = null, full = null;
        int lines = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (++lines > LinesMax) break;
            if (line.StartsWith("some ")) some = Total(line);
            if (line.StartsWith("full ")) full = Total(line);
        }

        return some is { } known ? new Pressure(known, full) : null;
    }

    private static ulong? Total(ReadOnlySpan<char> line)
    {
        const string name = " total=";
        int at = line.LastIndexOf(name);
        bool good = ulong.TryParse(
            at < 0 ? [] : line[(at + name.Length)..], NumberStyles.None, CultureInfo.InvariantCulture, out ulong total);
        return good ? total : null;
    }
}
