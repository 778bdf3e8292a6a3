using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.System.Tests.Faults;

/// <summary>
/// The QEMU processes of a lab, seen from outside: a copy whose vCPUs run takes CPU time all the while, because the
/// guest never idles; a paused one and a standby take none. Asks neither Umbra nor QEMU.
/// </summary>
internal static class Copies
{
    private const string ProcessName = "qemu-system-x86";
    private const long TicksPerSecond = 100;

    /// <summary>QEMU processes on a host.</summary>
    public static IReadOnlyList<int> On(LabHost host) =>
        [.. NetworkNamespace.Processes(host.Space.Name).Where(static id => Comm(id) == ProcessName)];

    /// <summary>Hosts with a copy of which a vCPU ran in the next <paramref name="time"/>.</summary>
    public static async Task<IReadOnlyList<HostId>> RunningAsync(FleetLab lab, TimeSpan time)
    {
        var before = Ticks(lab);
        await Task.Delay(time);
        var after = Ticks(lab);
        return [.. after.Where(copy => before.TryGetValue(copy.Key, out long had)
                && copy.Value - had > time.TotalSeconds * TicksPerSecond / 50)
            .Select(copy => copy.Key.Host).Distinct()];
    }

    /// <summary>The process of the copy that runs on <paramref name="host"/>.</summary>
    public static int Process(LabHost host, int known)
    {
        Invariant.Holds(On(host).Contains(known), "a VM's process is a QEMU of its host");
        return known;
    }

    /// <summary>SIGKILL to one process.</summary>
    public static void Kill(int process)
    {
        using Process found = global::System.Diagnostics.Process.GetProcessById(process);
        found.Kill();
    }

    /// <summary>SIGSTOP or SIGCONT to one process.</summary>
    public static void Signal(int process, string signal) => ShellCommand.Run(
        "kill", "-" + signal, process.ToString(CultureInfo.InvariantCulture));

    private static Dictionary<(HostId Host, int Process), long> Ticks(FleetLab lab)
    {
        Dictionary<(HostId, int), long> all = [];
        foreach (LabHost host in lab.Hosts)
        {
            foreach (int process in On(host)) all[(host.Name, process)] = VcpuTicks(process);
        }

        return all;
    }

    /// <summary>User and system time of the threads that QEMU names after their vCPU.</summary>
    private static long VcpuTicks(int process)
    {
        long ticks = 0;
        try
        {
            foreach (string thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
            {
                if (!File.ReadAllText(Path.Combine(thread, "comm")).StartsWith("CPU ",
                    StringComparison.Ordinal)) continue;
                string stat = File.ReadAllText(Path.Combine(thread, "stat"));
                string[] words = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                ticks += long.Parse(words[11], CultureInfo.InvariantCulture)
                    + long.Parse(words[12], CultureInfo.InvariantCulture);
            }
        }
        catch (IOException)
        {
            // It ended meanwhile: what is gone does not run.
        }

        return ticks;
    }

    private static string Comm(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/comm").TrimEnd();
        }
        catch (IOException)
        {
            return "";
        }
    }
}
