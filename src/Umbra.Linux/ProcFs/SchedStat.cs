using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>
/// What the scheduler counts of a thread (<c>/proc/PID/task/TID/schedstat</c>; the kernel's Documentation/scheduler/
/// sched-stats).
/// </summary>
/// <param name="RunNanoseconds">Time on a CPU, ns.</param>
/// <param name="WaitNanoseconds">Time ready to run but waiting for a CPU, ns.</param>
public readonly record struct SchedStat(ulong RunNanoseconds, ulong WaitNanoseconds)
{
    /// <summary>The values in <paramref name="text"/>, or null when it is not such a line.</summary>
    public static SchedStat? Parse(string text)
    {
        string[] fields = text.TrimEnd('\n').Split(' ');
        bool good = fields.Length == 3
            & Number(fields[0], out ulong run) & Number(fields.ElementAtOrDefault(1) ?? "", out ulong wait);
        return good ? new SchedStat(run, wait) : null;
    }

    /// <summary>Of a thread now; null when it is gone, or the kernel keeps no such counts.</summary>
    /// <param name="pid">Its process.</param>
    /// <param name="thread">Its thread id.</param>
    /// <param name="root">Where <c>proc</c> is mounted under.</param>
    public static SchedStat? OfThread(int pid, int thread, string root = "/")
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"proc/{pid}/task/{thread}/schedstat");
        return TextFile.TryRead(Path.Combine(root, path)) is { } text ? Parse(text) : null;
    }

    private static bool Number(string text, out ulong value) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
