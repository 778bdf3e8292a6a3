using System.Globalization;

namespace Umbra.Bench;

/// <summary>An option of a benchmark that takes a value.</summary>
/// <param name="Name">With its dashes.</param>
/// <param name="Value">What its value is called in the help.</param>
/// <param name="Help">What it does, with its default.</param>
public sealed record BenchOption(string Name, string Value, string Help);

/// <summary>A benchmark's command line.</summary>
public sealed class BenchArguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly List<string> _words = [];

    /// <summary>Where the JSON goes; null: nowhere.</summary>
    public string? ReportPath { get; private set; }

    /// <summary>Whether only a short run is wanted.</summary>
    public bool Quick { get; private set; }

    /// <summary>What is no option.</summary>
    public IReadOnlyList<string> Words => _words;

    /// <summary>What follows <c>--</c>.</summary>
    public IReadOnlyList<string> Rest { get; private set; } = [];

    /// <summary>Reads it; null, and what is wrong.</summary>
    public static BenchArguments? TryParse(
        IReadOnlyList<string> arguments, IReadOnlyList<BenchOption> options, out string error)
    {
        var parsed = new BenchArguments();
        error = "";
        for (int i = 0; i < arguments.Count; i++)
        {
            string word = arguments[i];
            if (word == "--")
            {
                parsed.Rest = [.. arguments.Skip(i + 1)];
                break;
            }

            if (word == "--quick") parsed.Quick = true;
            else if (!word.StartsWith('-')) parsed._words.Add(word);
            else if (word != "--report" && options.All(option => option.Name != word)) error = $"no option {word}";
            else if (i + 1 == arguments.Count) error = $"{word} needs a value";
            else if (word == "--report") parsed.ReportPath = Path.GetFullPath(arguments[++i]);
            else parsed._values[word] = arguments[++i];
            if (error.Length > 0) return null;
        }

        return parsed;
    }

    /// <summary>A text option.</summary>
    public string Text(string name, string otherwise) => _values.GetValueOrDefault(name, otherwise);

    /// <summary>A list, separated by commas.</summary>
    public string[] List(string name, string otherwise) =>
        Text(name, otherwise).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>A whole number above zero.</summary>
    public int Number(string name, int otherwise)
    {
        if (!_values.TryGetValue(name, out string? text)) return otherwise;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new ArgumentException($"{name} takes a whole number above 0, not {text}");
    }
}
