namespace Umbra.Tidy;

/// <summary>A text file of the tree.</summary>
/// <param name="Path">Relative to the repository, with slashes.</param>
/// <param name="Text">All of it.</param>
public sealed record SourceFile(string Path, string Text)
{
    /// <summary>Its lines.</summary>
    public string[] Lines => Text.Split('\n');
}

/// <summary>The working tree that these tests were built in.</summary>
public static class Repository
{
    private static readonly string[] Skipped = ["bin", "obj", ".git", ".cache", "TestResults"];

    /// <summary>Its root: the directory of umbra.slnx above the test's own.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>
    /// Every file under <paramref name="folder"/> whose name ends in one of <paramref name="endings"/>.
    /// </summary>
    public static IReadOnlyList<SourceFile> Files(string folder, params string[] endings)
    {
        var files = new List<SourceFile>();
        Collect(Path.Combine(Root, folder), endings, files);
        return [.. files.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    /// <summary>One file.</summary>
    public static SourceFile File(string path) =>
        new(path, System.IO.File.ReadAllText(Path.Combine(Root, path)));

    /// <summary>Whether a file or directory of that path exists.</summary>
    public static bool Exists(string path) => Path.Exists(Path.Combine(Root, path));

    private static void Collect(string directory, string[] endings, List<SourceFile> files)
    {
        if (!Directory.Exists(directory)) return;
        foreach (string path in Directory.EnumerateFiles(directory))
        {
            if (endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal)))
                files.Add(File(Path.GetRelativePath(Root, path).Replace('\\', '/')));
        }

        foreach (string child in Directory.EnumerateDirectories(directory))
        {
            bool isLink = new DirectoryInfo(child).LinkTarget is not null;
            if (!isLink && !Skipped.Contains(Path.GetFileName(child))) Collect(child, endings, files);
        }
    }

    private static string FindRoot()
    {
        for (string? at = AppContext.BaseDirectory; at is not null; at = Path.GetDirectoryName(at))
        {
            if (System.IO.File.Exists(Path.Combine(at, "umbra.slnx"))) return at;
        }

        throw new InvalidOperationException($"no umbra.slnx above {AppContext.BaseDirectory}");
    }
}
