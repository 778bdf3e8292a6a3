namespace Umbra.Linux.ProcFs;

/// <summary>Reads the small files of a part of sysfs, within limits.</summary>
public static class SysTree
{
    /// <summary>Most files read of one tree.</summary>
    public const int FilesMax = 16_384;

    /// <summary>
    /// Texts of the files below <paramref name="root"/> by their paths relative to it; empty when there is no such
    /// directory. What cannot be read is left out.
    /// </summary>
    /// <param name="root">The directory. Its entries may be links, as those of <c>/sys/class</c>.</param>
    /// <param name="depth">How many levels of directories are entered; links only at the first.</param>
    /// <param name="isWanted">By a path (a directory's ends with <c>/</c>): whether to enter or read it.</param>
    public static Dictionary<string, string> Read(string root, int depth, Func<string, bool> isWanted)
    {
        Dictionary<string, string> texts = new(StringComparer.Ordinal);
        Read(root, "", depth, isWanted, texts);
        return texts;
    }

    private static void Read(
        string directory, string path, int depth, Func<string, bool> isWanted, Dictionary<string, string> texts)
    {
        foreach (FileSystemInfo entry in Entries(directory))
        {
            if (texts.Count >= FilesMax) return;
            bool isDirectory = entry.Attributes.HasFlag(FileAttributes.Directory);
            bool isLink = entry.Attributes.HasFlag(FileAttributes.ReparsePoint);
            string name = path + entry.Name + (isDirectory ? "/" : "");
            if (!isWanted(name)) continue;
            if (!isDirectory)
            {
                if (TextFile.TryRead(entry.FullName) is { } text) texts[name] = text;
            }
            else if (depth > 0 && (!isLink || path.Length == 0))
            {
                Read(entry.FullName, name, depth - 1, isWanted, texts);
            }
        }
    }

    private static IReadOnlyList<FileSystemInfo> Entries(string directory)
    {
        try
        {
            return [.. new DirectoryInfo(directory).EnumerateFileSystemInfos().Take(FilesMax)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
