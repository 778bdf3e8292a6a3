using System.Globalization;

namespace Umbra.Core.Basics;

/// <summary>Sizes as people write them: <c>256M</c> in, <c>256 MiB</c> out. Powers of 1024.</summary>
public static class ByteText
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>For people, three figures or so: <c>1.5 GiB</c>.</summary>
    public static string Of(long bytes)
    {
        double value = bytes;
        int unit = 0;
        while (Math.Abs(value) >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return value.ToString(unit == 0 || value >= 100 ? "0" : "0.##", CultureInfo.InvariantCulture) + " "
            + Units[unit];
    }

    /// <summary>Reads <c>512</c>, <c>64K</c>, <c>256M</c>, <c>8G</c>, <c>1T</c>, with or without <c>iB</c>.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        string trimmed = text.Trim();
        int digits = 0;
        while (digits < trimmed.Length && char.IsAsciiDigit(trimmed[digits])) digits++;
        if (!long.TryParse(trimmed.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long number))
            return false;
        int shift = Shift(trimmed[digits..].Trim());
        if (shift < 0 || number > long.MaxValue >> shift) return false;
        bytes = number << shift;
        return true;
    }

    private static int Shift(string unit) => unit.ToUpperInvariant() switch
    {
        "" or "B" => 0,
        "K" or "KB" or "KIB" => 10,
        "M" or "MB" or "MIB" => 20,
        "G" or "GB" or "GIB" => 30,
        "T" or "TB" or "TIB" => 40,
        _ => -1,
    };
}
