using System.Globalization;

namespace Umbra.Bench;

/// <summary>This machine and what its processes have cost so far.</summary>
public static class Machine
{
    private const double TicksPerSecond = 100; // USER_HZ, fixed on x86-64

    /// <summary>Load average of the last minute.</summary>
    public static double Load() =>
        double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>CPU time that a process has used, all its threads.</summary>
    public static TimeSpan CpuTime(int process)
    {
        string stat = File.ReadAllText($"/proc/{process}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        const int user = 11, system = 12;
        long ticks = long.Parse(fields[user], CultureInfo.InvariantCulture)
            + long.Parse(fields[system], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }

    /// <summary>
    /// Memory of a process's own, bytes: anonymous and file pages, without what it shares with a guest (its mapping of
    /// the guest's RAM counts as shared memory, and belongs to the guest).
    /// </summary>
    public static long ResidentOwnBytes(int process)
    {
        long anonymous = 0, file = 0;
        foreach (string line in File.ReadLines($"/proc/{process}/status"))
        {
            if (line.StartsWith("RssAnon:", StringComparison.Ordinal)) anonymous = KiB(line);
            if (line.StartsWith("RssFile:", StringComparison.Ordinal)) file = KiB(line);
        }

        return anonymous + file;
    }

    /// <summary>Anonymous memory of a process, bytes: heap, stacks, what it mapped for itself.</summary>
    public static long AnonymousBytes(int process) =>
        KiB(File.ReadLines($"/proc/{process}/status")
            .Single(line => line.StartsWith("RssAnon:", StringComparison.Ordinal)));

    private static long KiB(string line) =>
        long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
}
