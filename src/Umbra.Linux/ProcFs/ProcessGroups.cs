using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>
/// The control groups that one process is in, of either version and of both where a machine mounts both: what they
/// allow it and what they have counted. Every value is null where its controller, or the file, is not there.
/// </summary>
/// <remarks>
/// Kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2. A controller is taken from version 1 where that has it,
/// as the kernel attaches it to one of the two. In version 2 a group without a controller of its own is governed by the
/// nearest one above that has it.
/// </remarks>
public sealed class ProcessGroups
{
    private const string NoLimit = "max";

    /// <summary>From here on version 1 means no limit: it writes the largest whole number of pages then.</summary>
    private const long MemoryUnlimited = long.MaxValue / 2;

    private readonly ControlGroups _mounts;
    private readonly IReadOnlyDictionary<string, string> _paths;
    private readonly string _root;

    private ProcessGroups(ControlGroups mounts, IReadOnlyDictionary<string, string> paths, string root)
    {
        (_mounts, _paths, _root) = (mounts, paths, root);
    }

    /// <summary>CPUs that the groups allow; affinity may allow fewer.</summary>
    public IReadOnlyList<int>? Cpus => OneLine(Read("cpuset", "cpuset.effective_cpus", "cpuset.cpus.effective")
        ?? Read("cpuset", "cpuset.cpus", "cpuset.cpus")) is { } text ? NumberList.Parse(text) : null;

    /// <summary>Memory nodes that the groups allow.</summary>
    public IReadOnlyList<int>? Nodes => OneLine(Read("cpuset", "cpuset.effective_mems", "cpuset.mems.effective")
        ?? Read("cpuset", "cpuset.mems", "cpuset.mems")) is { } text ? NumberList.Parse(text) : null;

    /// <summary>CPU time that the group may use, in CPUs (1.5: one and a half); null: no limit, or not known.</summary>
    public double? CpuQuota
    {
        get
        {
            string? quota, period;
            if (_mounts.ControllerMounts.ContainsKey("cpu"))
            {
                quota = OneLine(Read("cpu", "cpu.cfs_quota_us", ""));
                period = OneLine(Read("cpu", "cpu.cfs_period_us", ""));
            }
            else
            {
                string[] parts = (OneLine(Read("cpu", "", "cpu.max")) ?? "").Split(' ');
                (quota, period) = parts.Length == 2 ? (parts[0], parts[1]) : (null, null);
            }

            return Number(quota) is { } most && Number(period) is > 0 and { } of ? (double)most / of : null;
        }
    }

    /// <summary>Time for which the group was kept from running by its quota.</summary>
    public TimeSpan? CpuThrottled
    {
        get
        {
            string? text = Read("cpu", "cpu.stat", "cpu.stat");
            if (Entry(text, "throttled_usec") is { } microseconds and < long.MaxValue / 10)
                return TimeSpan.FromTicks(microseconds * TimeSpan.TicksPerMicrosecond);
            return Entry(text, "throttled_time") is { } nanoseconds
                ? TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick)
                : null;
        }
    }

    /// <summary>Memory that the group may use, bytes; null: no limit, or not known.</summary>
    public long? MemoryLimit =>
        Number(OneLine(Read("memory", "memory.limit_in_bytes", "memory.max"))) is { } bytes and < MemoryUnlimited
            ? bytes
            : null;

    /// <summary>Memory that the group uses, bytes.</summary>
    public long? MemoryUsed => Number(OneLine(Read("memory", "memory.usage_in_bytes", "memory.current")));

    /// <summary>CPU pressure of the group; version 2 alone keeps one for each group.</summary>
    public Pressure? CpuPressure
    {
        get
        {
            if (_mounts.UnifiedMount is not { } mount || !_paths.TryGetValue("", out string? path)) return null;
            return TextFile.TryRead(Join(mount, path, "cpu.pressure")) is { } text ? Pressure.Parse(text) : null;
        }
    }

    /// <summary>The groups of a process; null when it is gone or the machine has no control groups.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="root">Where everything is mounted under.</param>
    public static ProcessGroups? Of(int pid, string root = "/")
    {
        string? mounts = TextFile.TryRead(Path.Combine(root, "proc/mounts"));
        string? membership = TextFile.TryRead(
            Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"proc/{pid}/cgroup")));
        if (mounts is null || membership is null) return null;
        ControlGroups groups = ControlGroups.Parse(mounts);
        return groups.Layout == ControlGroupLayout.None
            ? null
            : new ProcessGroups(groups, ControlGroups.ParseMembership(membership), root);
    }

    private string? Read(string controller, string version1, string version2)
    {
        if (_mounts.ControllerMounts.TryGetValue(controller, out string? mount))
        {
            return version1.Length > 0 && _paths.TryGetValue(controller, out string? path)
                ? TextFile.TryRead(Join(mount, path, version1))
                : null;
        }

        if (version2.Length == 0 || _mounts.UnifiedMount is not { } unified || !_paths.TryGetValue("", out string? at))
            return null;
        for (string? group = at; !string.IsNullOrEmpty(group); group = Path.GetDirectoryName(group))
        {
            if (TextFile.TryRead(Join(unified, group, version2)) is { } text) return text;
        }

        return null;
    }

    // Paths come from the kernel, absolute within their mounts; a group outside of this namespace's root is not
    // reachable.
    private string Join(string mount, string path, string file) =>
        Path.Combine(_root, mount.TrimStart('/'), path.TrimStart('/'), file);

    private static string? OneLine(string? text) => text?.TrimEnd('\n');

    private static long? Number(string? text) =>
        text != NoLimit && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : null;

    private static long? Entry(string? text, string name)
    {
        foreach (ReadOnlySpan<char> line in (text ?? "").AsSpan().EnumerateLines())
        {
            if (line.StartsWith(name) && line.Length > name.Length && line[name.Length] == ' ')
                return Number(line[(name.Length + 1)..].ToString());
        }

        return null;
    }
}
