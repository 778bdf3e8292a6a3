namespace Umbra.Core.Health.Kernel;

/// <summary>A kernel's small files below one directory: paths relative to it with <c>/</c>, and their texts.</summary>
public sealed class SysFiles(IReadOnlyDictionary<string, string> texts)
{
    /// <summary>Longest text taken of one file, characters: sysfs gives one value a file.</summary>
    public const int TextCharsMax = 4096;

    /// <summary>Most files of one tree.</summary>
    public const int FilesMax = 16_384;

    /// <summary>The paths, in order.</summary>
    public IEnumerable<string> Paths => texts.Keys.Order(StringComparer.Ordinal).Take(FilesMax);

    /// <summary>The text of a file without blanks around it; null: there is none, or it is empty.</summary>
    public string? Text(string path) =>
        texts.TryGetValue(path, out string? text) && text.Length <= TextCharsMax && text.Trim() is { Length: > 0 } found
            ? found
            : null;

    /// <summary>The number in a file; null: there is none.</summary>
    public double? Number(string path) => Text(path) is { } text ? HealthText.Number(text) : null;
}
