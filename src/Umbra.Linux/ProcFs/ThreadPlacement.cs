using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>
/// Where a thread may run and take memory from: its affinity and its control groups' CPU sets together, as the kernel
/// applies them (<c>Cpus_allowed_list</c> and <c>Mems_allowed_list</c> of man 5 proc_pid_status).
/// </summary>
/// <param name="Cpus">CPUs, ascending; at least one.</param>
/// <param name="Nodes">Memory nodes, ascending; empty where the kernel has none.</param>
public sealed record ThreadPlacement(IReadOnlyList<int> Cpus, IReadOnlyList<int> Nodes)
{
    private const int LinesMax = 256;

    /// <summary>From the text of a thread's <c>status</c>; null when it does not say.</summary>
    public static ThreadPlacement? Parse(string status)
    {
        IReadOnlyList<int>? cpus = null, nodes = null;
        int lines = 0;
        foreach (ReadOnlySpan<char> line in status.AsSpan().EnumerateLines())
        {
            if (++lines > LinesMax) break;
            if (line.StartsWith("Cpus_allowed_list:")) cpus = List(line);
            if (line.StartsWith("Mems_allowed_list:")) nodes = List(line);
        }

        return cpus is { Count: > 0 } ? new ThreadPlacement(cpus, nodes ?? []) : null;
    }

    /// <summary>Of a thread now; null when it is gone.</summary>
    /// <param name="pid">Its process.</param>
    /// <param name="thread">Its thread id.</param>
    /// <param name="root">Where <c>proc</c> is mounted under.</param>
    public static ThreadPlacement? OfThread(int pid, int thread, string root = "/")
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"proc/{pid}/task/{thread}/status");
        return TextFile.TryRead(Path.Combine(root, path)) is { } text ? Parse(text) : null;
    }

    private static IReadOnlyList<int>? List(ReadOnlySpan<char> line) =>
        NumberList.Parse(line[(line.IndexOf(':') + 1)..].ToString());
}
