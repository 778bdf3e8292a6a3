using System.Diagnostics;
using System.Globalization;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Sensors;

/// <summary>
/// A control group with a tenth of a CPU, of the kernel's period, which others in it use up on every CPU, as a guest
/// under load would. Threads of this process can be put into it.
/// </summary>
internal sealed class CutGroup : IAsyncDisposable
{
    private const string Mount = "/sys/fs/cgroup/cpu";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly string _path = $"{Mount}/umbra-test-{Environment.ProcessId}";
    private readonly List<Process> _spinners = [];

    public CutGroup()
    {
        Directory.CreateDirectory(_path);
        File.WriteAllText(_path + "/cpu.cfs_period_us", "100000");
        File.WriteAllText(_path + "/cpu.cfs_quota_us", "10000");
        // On each CPU: time that was once given to a CPU and not used there keeps.
        for (int cpu = 0; cpu < Environment.ProcessorCount; cpu++)
        {
            string number = cpu.ToString(CultureInfo.InvariantCulture);
            var spinner = Process.Start("taskset", ["-c", number, "sh", "-c", "while :; do :; done"]);
            _spinners.Add(spinner);
            File.WriteAllText(_path + "/tasks", spinner.Id.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Skips the test where there can be no such group.</summary>
    public static void Require()
    {
        if (!File.Exists(Mount + "/cpu.cfs_quota_us"))
            Assert.Skip("no CPU groups of version 1: in version 2 a single thread cannot be moved");
        if (!Environment.IsPrivilegedProcess) Assert.Skip("control groups need root");
    }

    /// <summary>Puts this process's threads whose names begin so into the group.</summary>
    public void Take(string name) => Move(name, _path);

    /// <summary>Takes them out again.</summary>
    public static void LetGo(string name) => Move(name, Mount);

    public async ValueTask DisposeAsync()
    {
        foreach (Process spinner in _spinners)
        {
            spinner.Kill();
            await spinner.WaitForExitAsync();
            spinner.Dispose();
        }

        // A thread that a failed test left in it keeps it.
        foreach (string thread in File.ReadAllLines(_path + "/tasks")) TryMove(thread, Mount);
        await Wait.UntilAsync("the group to be empty", () => Task.FromResult(TryDelete()), s_patience);
    }

    // All that have the name: another test's may take a second to end, and nothing tells the newest.
    private static void Move(string name, string group)
    {
        foreach (string task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            if (File.ReadAllText(task + "/comm").StartsWith(name, StringComparison.Ordinal))
                File.WriteAllText(group + "/tasks", Path.GetFileName(task));
        }
    }

    private static void TryMove(string thread, string group)
    {
        try
        {
            File.WriteAllText(group + "/tasks", thread);
        }
        catch (IOException)
        {
            // It has ended.
        }
    }

    private bool TryDelete()
    {
        try
        {
            Directory.Delete(_path);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
