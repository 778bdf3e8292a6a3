using System.Text.RegularExpressions;

namespace Umbra.Tidy;

/// <summary>The rules about sizes and names of files and members.</summary>
public static partial class Ratchets
{
    /// <summary>Longest line, characters.</summary>
    public const int LineCharsMax = 120;

    /// <summary>Longest file that needs no explanation, lines.</summary>
    public const int FileLinesMax = 500;

    /// <summary>Longest member, lines.</summary>
    public const int MemberLinesMax = 70;

    /// <summary>A file over <see cref="FileLinesMax"/> says this, and why, in its first lines.</summary>
    public const string LongFileMark = "over 500 lines because";

    private const int HeadLines = 30;

    /// <summary>
    /// Members that may be longer than <see cref="MemberLinesMax"/>, as <c>path:Name</c>, each with the reason.
    /// </summary>
    public static readonly IReadOnlyDictionary<string, string> LongMembers = new Dictionary<string, string>();

    /// <summary>Lines are at most <see cref="LineCharsMax"/> characters.</summary>
    public static IEnumerable<Finding> LineLength(SourceFile file)
    {
        string[] lines = file.Lines;
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length > LineCharsMax)
                yield return new Finding(file.Path, i + 1, $"has {lines[i].Length} characters of {LineCharsMax}");
        }
    }

    /// <summary>Files are short, or say why not.</summary>
    public static IEnumerable<Finding> FileLength(SourceFile file)
    {
        int count = file.Lines.Length - 1;
        bool explained = file.Lines.Take(HeadLines).Any(line => line.Contains(LongFileMark, StringComparison.Ordinal));
        if (count > FileLinesMax && !explained)
            yield return new Finding(file.Path, 0, $"has {count} lines: split it or say '{LongFileMark} ...' on top");
    }

    /// <summary>Members are short, or excepted with a reason.</summary>
    public static IEnumerable<Finding> MemberLength(SourceFile file, IReadOnlyDictionary<string, string> exceptions)
    {
        foreach (Member member in MemberScanner.Members(file.Text))
        {
            if (member.LineCount > MemberLinesMax && !exceptions.ContainsKey($"{file.Path}:{member.Name}"))
                yield return new Finding(file.Path, member.FirstLine, $"{member.Name} has {member.LineCount} lines");
        }
    }

    /// <summary>Exceptions that nothing needs any more.</summary>
    public static IEnumerable<string> StaleExceptions(
        IEnumerable<SourceFile> files, IReadOnlyDictionary<string, string> exceptions) =>
        exceptions.Keys.Except(
            from file in files
            from member in MemberScanner.Members(file.Text)
            where member.LineCount > MemberLinesMax
            select $"{file.Path}:{member.Name}");

    /// <summary>The namespace of a product file is its folder.</summary>
    public static IEnumerable<Finding> NamespaceIsFolder(SourceFile file)
    {
        string expected = Path.GetDirectoryName(file.Path)!["src/".Length..].Replace('/', '.');
        string code = CodeText.Blank(file.Text);
        Match found = NamespaceLine().Match(code);
        string name = found.Groups[1].Value;
        if (found.Success && name != expected)
            yield return new Finding(file.Path, 0, $"is in namespace {name}, its folder says {expected}");
        bool topLevelOnly = Path.GetFileName(file.Path) == "Program.cs" && !TypeLine().IsMatch(code);
        bool assemblyOnly = Path.GetFileName(file.Path) == "AssemblyInfo.cs";
        if (!found.Success && !topLevelOnly && !assemblyOnly)
            yield return new Finding(file.Path, 0, $"has no file-scoped namespace; its folder says {expected}");
    }

    [GeneratedRegex(@"^namespace\s+([\w.]+)\s*;", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^\s*(public|internal|file|sealed|static|abstract).*\b(class|struct|interface|record|enum)\b",
        RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
