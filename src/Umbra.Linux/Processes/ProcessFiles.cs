namespace Umbra.Linux.Processes;

/// <summary>What a process has open, from <c>/proc/PID/fd</c>.</summary>
public static class ProcessFiles
{
    /// <summary>
    /// What its descriptors lead to, as the kernel names it: a path, or <c>anon_inode:[...]</c> and the like. Empty
    /// when it is going away or not ours to look into.
    /// </summary>
    public static IReadOnlyList<string> Targets(int pid)
    {
        var targets = new List<string>();
        try
        {
            foreach (string path in Directory.EnumerateFileSystemEntries($"/proc/{pid}/fd"))
            {
                if (new FileInfo(path).LinkTarget is { } target) targets.Add(target);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whoever asked has other calls to this process, which tell of it with their own errors.
        }

        return targets;
    }
}
