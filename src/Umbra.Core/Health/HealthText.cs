using System.Globalization;
using System.Text;

namespace Umbra.Core.Health;

/// <summary>Takes text and numbers of strangers into what people are shown.</summary>
public static class HealthText
{
    /// <summary>Longest text kept of a stranger, characters; the rest is cut off.</summary>
    public const int CharsMax = 240;

    /// <summary>The text on one line, without control characters, at most <see cref="CharsMax"/> long.</summary>
    public static string Clean(string? text)
    {
        if (string.IsNullOrEmpty(text)) return "";
        var clean = new StringBuilder(Math.Min(text.Length, CharsMax));
        foreach (char c in text)
        {
            if (clean.Length == CharsMax) break;
            // Half a surrogate pair is no text either: it could not be written as UTF-8.
            bool plain = !char.IsControl(c) && !char.IsSurrogate(c) && c is not ('\u2028' or '\u2029');
            clean.Append(plain ? c : ' ');
        }

        return clean.ToString().Trim();
    }

    /// <summary>A finite number in <paramref name="text"/>; null when it is none.</summary>
    public static double? Number(ReadOnlySpan<char> text) =>
        double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
        && double.IsFinite(value)
            ? value
            : null;

    /// <summary>A number for people: no more digits than help.</summary>
    public static string Format(double value) =>
        value.ToString(Math.Abs(value) >= 1e15 ? "E3" : "0.###", CultureInfo.InvariantCulture);
}
