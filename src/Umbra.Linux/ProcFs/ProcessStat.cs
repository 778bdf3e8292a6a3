using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>
/// What the product uses of <c>/proc/PID/stat</c> and <c>/proc/PID/task/TID/stat</c> (man 5 proc_pid_stat).
/// </summary>
/// <param name="Pid">Process or thread id.</param>
/// <param name="Command">Short name, without its parentheses.</param>
/// <param name="State">One letter: R running, S sleeping, D in the disk, Z zombie, T stopped, t traced, X dead.</param>
/// <param name="Parent">Parent process id.</param>
/// <param name="UserTicks">CPU time in user mode, clock ticks (100 a second).</param>
/// <param name="SystemTicks">CPU time in the kernel, clock ticks.</param>
/// <param name="StartTicks">When it started, clock ticks since boot: with the pid it names a process for good.</param>
public readonly record struct ProcessStat(
    int Pid, string Command, char State, int Parent, ulong UserTicks, ulong SystemTicks, ulong StartTicks)
{
    /// <summary>Clock ticks a second, fixed in the kernel's interface (USER_HZ).</summary>
    public const int TicksPerSecond = 100;

    /// <summary>The values in <paramref name="text"/>, or null when it is not such a line.</summary>
    public static ProcessStat? Parse(string text)
    {
        // The name may itself hold blanks and parentheses: it ends at the last one.
        int open = text.IndexOf('(', StringComparison.Ordinal), close = text.LastIndexOf(')');
        if (open < 2 || close < open || close + 2 >= text.Length) return null;
        string[] rest = text[(close + 2)..].TrimEnd('\n').Split(' ');
        if (rest.Length < 20 || rest[0].Length != 1) return null;
        bool good = int.TryParse(text.AsSpan(0, open - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
            & int.TryParse(rest[1], NumberStyles.None, CultureInfo.InvariantCulture, out int parent)
            & Number(rest[11], out ulong user) & Number(rest[12], out ulong system) & Number(rest[19], out ulong start);
        string command = text[(open + 1)..close];
        return good ? new ProcessStat(pid, command, rest[0][0], parent, user, system, start) : null;
    }

    private static bool Number(string text, out ulong value) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
