using System.Globalization;

namespace Umbra.Lab;

/// <summary>
/// The control group of one simulated host's processes: what the host has of the machine can be made less for real.
/// Control groups of version 1 or of version 2, whichever has the controllers.
/// </summary>
public sealed class HostGroup
{
    private const string Root = "/sys/fs/cgroup";

    // A tenth of the kernel's default. A group that has used up its time stands still for the rest of the period: in so
    // short ones its processors look slower, in long ones like two kinds of processor in turn.
    private const int PeriodMicroseconds = 10_000;
    private const int Busy = 16; // EBUSY

    // Processes that were killed leave their group when their parent has taken note.
    private const int RemovalsMax = 200;
    private static readonly TimeSpan RemovalPause = TimeSpan.FromMilliseconds(10);

    private static readonly string[] s_controllers = ["cpu", "blkio", "memory"];
    private static readonly string[] s_unified = ["cpu", "io", "memory"];

    private readonly string _name;

    private HostGroup(string name) => _name = name;

    /// <summary>Words before a command that put it into the group.</summary>
    public IReadOnlyList<string> Launcher =>
    [
        "sh", "-c", "for d in $0; do echo $$ >$d/cgroup.procs || exit; done; exec \"$@\"",
        string.Join(' ', Directories),
    ];

    private static bool IsUnified => File.Exists(Root + "/cgroup.controllers");

    private IReadOnlyList<string> Directories => IsUnified
        ? [$"{Root}/{_name}"]
        : [.. s_controllers.Select(controller => $"{Root}/{controller}/{_name}")];

    /// <summary>Why this machine has no control groups for it; null: it has.</summary>
    public static string? WhyMissing
    {
        get
        {
            string[] missing = IsUnified
                ? [.. s_unified.Except(File.ReadAllText(Root + "/cgroup.controllers").Split([' ', '\n']))]
                : [.. s_controllers.Where(static controller => !Directory.Exists($"{Root}/{controller}"))];
            return missing.Length == 0 ? null : $"no control groups of {string.Join(", ", missing)} in {Root}";
        }
    }

    /// <summary>Makes it; <see cref="CommandException"/> where the machine does not let it.</summary>
    public static HostGroup Create(string name, RunFile run)
    {
        var group = new HostGroup(name);
        try
        {
            if (IsUnified) File.WriteAllText(Root + "/cgroup.subtree_control", "+cpu +io +memory");
            foreach (string directory in group.Directories)
            {
                run.Group(directory);
                Directory.CreateDirectory(directory);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"control group {name}: {e.Message}");
        }

        return group;
    }

    /// <summary>CPU time that it gets, in cores; null: all.</summary>
    public void LimitCpu(double? cores)
    {
        string quota = cores is { } share
            ? ((long)(share * PeriodMicroseconds)).ToString(CultureInfo.InvariantCulture)
            : IsUnified ? "max" : "-1";
        if (IsUnified)
        {
            Write("cpu", "cpu.max", $"{quota} {PeriodMicroseconds}");
            return;
        }

        Write("cpu", "cpu.cfs_period_us", PeriodMicroseconds.ToString(CultureInfo.InvariantCulture));
        Write("cpu", "cpu.cfs_quota_us", quota);
    }

    /// <summary>Bytes a second that it may write to the disk under <paramref name="path"/>; null: all.</summary>
    public void LimitWrites(string path, long? bytesPerSecond)
    {
        string device = BlockDevices.Under(path);
        string amount = bytesPerSecond?.ToString(CultureInfo.InvariantCulture) ?? (IsUnified ? "max" : "0");
        if (IsUnified) Write("io", "io.max", $"{device} wbps={amount}");
        else Write("blkio", "blkio.throttle.write_bps_device", $"{device} {amount}");
    }

    /// <summary>Bytes of memory that it may keep, the rest is reclaimed or swapped out; null: all.</summary>
    /// <returns>
    /// False: the kernel gave up before it had reclaimed that much (version 1 alone). The limit is as it was, but what
    /// was reclaimed is out, so that the next try has less to do.
    /// </returns>
    public bool TryLimitMemory(long? bytes)
    {
        string amount = bytes?.ToString(CultureInfo.InvariantCulture) ?? (IsUnified ? "max" : "-1");
        try
        {
            Write("memory", IsUnified ? "memory.high" : "memory.limit_in_bytes", amount);
            return true;
        }
        catch (CommandException e) when (e.InnerException is IOException { HResult: Busy })
        {
            return false;
        }
    }

    /// <summary>Memory that it has and that cannot just be dropped: anonymous and shared, bytes.</summary>
    public long MemoryInUse()
    {
        string[] wanted = IsUnified ? ["anon", "shmem"] : ["rss", "shmem"];
        return File.ReadLines(PathOf("memory", "memory.stat"))
            .Select(static line => line.Split(' '))
            .Where(words => wanted.Contains(words[0]))
            .Sum(static words => long.Parse(words[1], CultureInfo.InvariantCulture));
    }

    /// <summary>Removes a group's directory once its processes are gone.</summary>
    internal static void Remove(string directory)
    {
        for (int i = 0; Directory.Exists(directory); i++)
        {
            try
            {
                Directory.Delete(directory);
            }
            catch (IOException) when (i < RemovalsMax)
            {
                Thread.Sleep(RemovalPause);
            }
        }
    }

    private string PathOf(string controller, string file) =>
        IsUnified ? $"{Root}/{_name}/{file}" : $"{Root}/{controller}/{_name}/{file}";

    private void Write(string controller, string file, string text)
    {
        try
        {
            File.WriteAllText(PathOf(controller, file), text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"control group {_name}: {file} to {text}: {e.Message}", e);
        }
    }
}
