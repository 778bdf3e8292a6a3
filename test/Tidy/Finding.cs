namespace Umbra.Tidy;

/// <summary>A place where the house rules do not hold.</summary>
/// <param name="Path">File, relative to the repository.</param>
/// <param name="Line">1-based line; 0 for the whole file.</param>
/// <param name="Text">What is wrong.</param>
public sealed record Finding(string Path, int Line, string Text)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Path}:{Line}: {Text}";
}
