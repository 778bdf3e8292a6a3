namespace Umbra.Linux.ProcFs;

/// <summary>Which generations of control groups a machine has.</summary>
public enum ControlGroupLayout
{
    /// <summary>None mounted.</summary>
    None,

    /// <summary>Only the old one: a tree for each controller.</summary>
    Version1,

    /// <summary>The old one, and the unified tree beside it without the old one's controllers.</summary>
    Hybrid,

    /// <summary>Only the unified tree.</summary>
    Version2,
}

/// <summary>Where control groups are mounted on a machine.</summary>
/// <param name="Layout">Which generations.</param>
/// <param name="UnifiedMount">Mount point of version 2; null when there is none.</param>
/// <param name="ControllerMounts">Version 1: mount point of each controller (<c>cpu</c>, <c>memory</c>, ...).</param>
public sealed record ControlGroups(
    ControlGroupLayout Layout, string? UnifiedMount, IReadOnlyDictionary<string, string> ControllerMounts)
{
    /// <summary>Most mounts that are looked at.</summary>
    public const int MountsMax = 100_000;

    private static readonly HashSet<string> NoControllers =
        ["rw", "ro", "relatime", "noatime", "nosuid", "nodev", "noexec", "xattr", "clone_children", "noprefix"];

    /// <summary>
    /// From the text of <c>/proc/mounts</c> (man 5 fstab; blanks in paths are written as <c>\040</c>).
    /// </summary>
    public static ControlGroups Parse(string mounts)
    {
        string? unified = null;
        Dictionary<string, string> controllers = new(StringComparer.Ordinal);
        int lines = 0;
        foreach (ReadOnlySpan<char> line in mounts.AsSpan().EnumerateLines())
        {
            if (++lines > MountsMax) break;
            string[] fields = line.ToString().Split(' ');
            if (fields.Length < 4) continue;
            string mount = fields[1].Replace("\\040", " ", StringComparison.Ordinal);
            if (fields[2] == "cgroup2") unified ??= mount;
            if (fields[2] == "cgroup") AddControllers(controllers, mount, fields[3]);
        }

        ControlGroupLayout layout = (unified is not null, controllers.Count > 0) switch
        {
            (true, true) => ControlGroupLayout.Hybrid,
            (true, false) => ControlGroupLayout.Version2,
            (false, true) => ControlGroupLayout.Version1,
            _ => ControlGroupLayout.None,
        };
        return new ControlGroups(layout, unified, controllers);
    }

    /// <summary>
    /// Path of a process's group within each tree, from the text of <c>/proc/PID/cgroup</c> (man 7 cgroups): by
    /// controller, and under the empty name in the unified tree.
    /// </summary>
    public static IReadOnlyDictionary<string, string> ParseMembership(string text)
    {
        Dictionary<string, string> paths = new(StringComparer.Ordinal);
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            string[] fields = line.ToString().Split(':', 3);
            if (fields.Length != 3) continue;
            foreach (string controller in fields[1].Split(',')) paths[controller] = fields[2];
        }

        return paths;
    }

    private static void AddControllers(Dictionary<string, string> controllers, string mount, string options)
    {
        foreach (string option in options.Split(','))
        {
            if (!NoControllers.Contains(option) && !option.Contains('=', StringComparison.Ordinal))
                controllers.TryAdd(option, mount);
            else if (option.StartsWith("name=", StringComparison.Ordinal))
                controllers.TryAdd(option, mount);
        }
    }
}
