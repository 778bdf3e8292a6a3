using System.Text.RegularExpressions;

namespace Umbra.Tidy;

/// <summary>The rules about what the documents say of the tree.</summary>
public static partial class Documents
{
    /// <summary>Relative links lead to files that exist.</summary>
    public static IEnumerable<Finding> Links(SourceFile document, Func<string, bool> exists)
    {
        foreach ((int line, string text) in Numbered(document))
        {
            foreach (Match match in Link().Matches(text))
            {
                string target = match.Groups[1].Value.Split('#')[0];
                if (target.Length == 0 || target.Contains(':', StringComparison.Ordinal)) continue;
                string folder = Path.GetDirectoryName(document.Path) ?? "";
                if (!exists(Normalize(folder, target)))
                    yield return new Finding(document.Path, line, $"links to {target}, which is not there");
            }
        }
    }

    /// <summary>Paths of the repository that a document or a comment names exist.</summary>
    public static IEnumerable<Finding> Mentions(SourceFile file, Func<string, bool> exists)
    {
        foreach ((int line, string text) in Numbered(file))
        {
            foreach (Match match in Mention().Matches(text))
            {
                string path = match.Value.TrimEnd('.', '/', ',');
                if (!exists(path)) yield return new Finding(file.Path, line, $"names {path}, which is not there");
            }
        }
    }

    /// <summary>
    /// Tests named in a document (in backticks, with underscores, perhaps with their class) are in the test sources.
    /// </summary>
    public static IEnumerable<Finding> NamedTests(SourceFile document, IReadOnlySet<string> tests)
    {
        foreach ((int line, string text) in Numbered(document))
        {
            foreach (Match match in TestName().Matches(text))
            {
                string name = match.Groups[1].Value;
                if (!tests.Contains(name))
                    yield return new Finding(document.Path, line, $"names the test {name}: there is none");
            }
        }
    }

    /// <summary>
    /// Every row of a table of promises names what holds it: a test, a command, or "not measured yet".
    /// </summary>
    public static IEnumerable<Finding> Holders(SourceFile document)
    {
        foreach ((int line, string text) in Numbered(document))
        {
            if (!text.StartsWith('|') || text.StartsWith("|---", StringComparison.Ordinal)) continue;
            bool isHead = text.Contains("held by", StringComparison.OrdinalIgnoreCase);
            bool held = TestName().IsMatch(text) || text.Contains("`./dev ", StringComparison.Ordinal)
                || text.Contains("not measured yet", StringComparison.Ordinal);
            if (!isHead && !held) yield return new Finding(document.Path, line, "a promise that nothing holds");
        }
    }

    /// <summary>Names of the test methods in <paramref name="sources"/>.</summary>
    public static IReadOnlySet<string> TestMethods(IEnumerable<SourceFile> sources) =>
        sources.SelectMany(file => TestMethod().Matches(CodeText.Blank(file.Text)))
            .Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal);

    private static string Normalize(string folder, string target)
    {
        var parts = new List<string>();
        foreach (string part in $"{folder}/{target}".Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".." && parts.Count > 0) parts.RemoveAt(parts.Count - 1);
            else if (part != ".") parts.Add(part);
        }

        return string.Join('/', parts);
    }

    private static IEnumerable<(int Line, string Text)> Numbered(SourceFile file) =>
        file.Lines.Select((text, index) => (index + 1, text));

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(
        @"(?<![\w/.~$}-])(src|docs/(?:formats|operating|design)|guest|bench|test)/[A-Za-z][\w./-]*[\w](?![\w*{<$])")]
    private static partial Regex Mention();

    [GeneratedRegex(@"`(?:\w+\.)*([A-Z]\w*_\w+)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"public\s+(?:static\s+|async\s+)*(?:void|Task|ValueTask)\s+(\w+)\s*\(")]
    private static partial Regex TestMethod();
}
