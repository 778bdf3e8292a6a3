using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Umbra.Tidy;

/// <summary>The rules about what may use what.</summary>
public static partial class Walls
{
    /// <summary>What each product project may refer to: projects and packages, no more and no less.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> References = new Dictionary<string, string[]>
    {
        ["Umbra.Core"] = ["Microsoft.CodeAnalysis.BannedApiAnalyzers"],
        ["Umbra.Linux"] = ["Umbra.Core"],
        ["Umbra.Qemu"] = ["Umbra.Core", "Umbra.Linux"],
        ["Umbra.Agent"] = ["Umbra.Core", "Umbra.Linux", "Umbra.Qemu"],
        ["Umbra.Controller"] = ["Umbra.Core", "Microsoft.Data.Sqlite"],
        ["Umbra.Cli"] =
        [
            "Umbra.Core", "Umbra.Linux", "Umbra.Agent", "Umbra.Controller", "System.CommandLine", "Spectre.Console",
        ],
    };

    /// <summary>What BannedSymbols.txt must keep out of Core at the least.</summary>
    public static readonly string[] BannedInCore =
    [
        "P:System.DateTime.Now;", "P:System.DateTime.UtcNow;", "T:System.Diagnostics.Stopwatch;",
        "T:System.TimeProvider;", "T:System.Random;", "T:System.Threading.Tasks.Task;", "T:System.Threading.Thread;",
        "T:System.IO.File;", "T:System.Net.Sockets.Socket;", "T:System.Console;",
        "T:System.Runtime.CompilerServices.Unsafe;",
    ];

    /// <summary>The project graph is exactly <see cref="References"/>.</summary>
    public static IEnumerable<Finding> Graph(SourceFile project)
    {
        string name = Path.GetFileNameWithoutExtension(project.Path);
        if (!References.TryGetValue(name, out string[]? allowed))
        {
            yield return new Finding(project.Path, 0, "is not in the list of product projects (Walls.References)");
            yield break;
        }

        var used = UsedBy(project).ToHashSet(StringComparer.Ordinal);
        foreach (string extra in used.Except(allowed).Order(StringComparer.Ordinal))
            yield return new Finding(project.Path, 0, $"may not refer to {extra}");
        foreach (string gone in allowed.Except(used))
            yield return new Finding(project.Path, 0, $"should refer to {gone}, or Walls.References be shortened");
    }

    /// <summary>No project turns transitive references on; the common file turns them off.</summary>
    public static IEnumerable<Finding> Transitive(SourceFile project, bool isCommon)
    {
        const string property = "DisableTransitiveProjectReferences";
        string[] values = [.. Elements(project, property).Select(element => element.Value.Trim())];
        if (isCommon && !values.SequenceEqual(["true"]))
            yield return new Finding(project.Path, 0, $"must set {property} to true once");
        if (!isCommon && values.Length > 0)
            yield return new Finding(project.Path, 0, $"may not set {property}");
    }

    /// <summary>Only Umbra.Linux may allow unsafe blocks.</summary>
    public static IEnumerable<Finding> UnsafeSwitch(SourceFile project)
    {
        bool allowed = Path.GetFileNameWithoutExtension(project.Path) == "Umbra.Linux";
        if (!allowed && Elements(project, "AllowUnsafeBlocks").Any())
            yield return new Finding(project.Path, 0, "may not allow unsafe blocks: they live in Umbra.Linux alone");
    }

    /// <summary>Unsafe code and native calls are written in Umbra.Linux only.</summary>
    public static IEnumerable<Finding> UnsafeCode(SourceFile file) =>
        file.Path.StartsWith("src/Umbra.Linux/", StringComparison.Ordinal)
            ? []
            : Words(file, UnsafeWord(), word => $"{word} lives in Umbra.Linux alone");

    /// <summary>Core's text names nothing of time, tasks, threads or chance.</summary>
    public static IEnumerable<Finding> PureCore(SourceFile file) =>
        Words(file, ImpureWord(), word => $"{word} has no place in Core: decide there, do elsewhere");

    /// <summary>Core keeps the analyzer and its list.</summary>
    public static IEnumerable<Finding> BannedSymbols(SourceFile project, SourceFile symbols)
    {
        if (!UsedBy(project).Contains("Microsoft.CodeAnalysis.BannedApiAnalyzers"))
            yield return new Finding(project.Path, 0, "must use the banned-API analyzer");
        bool given = Elements(project, "AdditionalFiles").Any(element => Include(element) == "BannedSymbols.txt");
        if (!given) yield return new Finding(project.Path, 0, "must give BannedSymbols.txt to the analyzer");
        foreach (string banned in BannedInCore)
        {
            if (!symbols.Lines.Any(line => line.StartsWith(banned, StringComparison.Ordinal)))
                yield return new Finding(symbols.Path, 0, $"must ban {banned.TrimEnd(';')}");
        }
    }

    private static IEnumerable<string> UsedBy(SourceFile project) =>
        Elements(project, "ProjectReference").Select(Include).Select(path => Path.GetFileNameWithoutExtension(path))
            .Concat(Elements(project, "PackageReference").Select(Include));

    private static string Include(XElement element) => ((string?)element.Attribute("Include") ?? "").Replace('\\', '/');

    private static IEnumerable<XElement> Elements(SourceFile project, string name) =>
        XDocument.Parse(project.Text).Descendants(name);

    private static IEnumerable<Finding> Words(SourceFile file, Regex words, Func<string, string> text)
    {
        string[] lines = CodeText.Blank(file.Text).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            foreach (Match match in words.Matches(lines[i]))
                yield return new Finding(file.Path, i + 1, text(match.Value));
        }
    }

    [GeneratedRegex(@"\bunsafe\b|\b(Library|Dll)Import\b")]
    private static partial Regex UnsafeWord();

    [GeneratedRegex(@"\b(async|await|Task|ValueTask|Thread|Timer|Stopwatch|Random)\b|\bDateTime(Offset)?\.(Utc)?Now\b")]
    private static partial Regex ImpureWord();
}
