using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>
/// Lists of CPUs and memory nodes as the kernel writes them: <c>0-3,8,10-11</c> (man 7 cpuset, "List format").
/// </summary>
public static class NumberList
{
    /// <summary>First number that is refused: the kernel's largest number of CPUs.</summary>
    public const int NumberMax = 8192;

    /// <summary>The numbers, ascending; null when it is no such list. An empty text is an empty list.</summary>
    public static IReadOnlyList<int>? Parse(string text)
    {
        List<int> numbers = [];
        ReadOnlySpan<char> list = text.AsSpan().Trim();
        if (list.IsEmpty) return [];
        foreach (Range part in list.Split(','))
        {
            ReadOnlySpan<char> range = list[part];
            int dash = range.IndexOf('-');
            bool good = Number(dash < 0 ? range : range[..dash], out int first)
                & Number(dash < 0 ? range : range[(dash + 1)..], out int last);
            // Ascending, as the kernel writes them: so the numbers are never more than there can be.
            if (!good || last < first || (numbers.Count > 0 && first <= numbers[^1])) return null;
            for (int number = first; number <= last; number++) numbers.Add(number);
        }

        return numbers;
    }

    /// <summary>The list as the kernel would write it.</summary>
    public static string Format(IReadOnlyList<int> numbers)
    {
        List<string> parts = [];
        for (int i = 0; i < numbers.Count; i++)
        {
            int first = i;
            while (i + 1 < numbers.Count && numbers[i + 1] == numbers[i] + 1) i++;
            string from = numbers[first].ToString(CultureInfo.InvariantCulture);
            parts.Add(first == i ? from : from + "-" + numbers[i].ToString(CultureInfo.InvariantCulture));
        }

        return string.Join(',', parts);
    }

    private static bool Number(ReadOnlySpan<char> text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < NumberMax;
}
