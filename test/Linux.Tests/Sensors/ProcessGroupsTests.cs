using Umbra.Linux.ProcFs;
using Umbra.Linux.Tests.Support;

namespace Umbra.Linux.Tests.Sensors;

/// <summary>The same questions to trees of version 1, version 2, and both, as real machines have them.</summary>
public sealed class ProcessGroupsTests : IDisposable
{
    private const int Pid = 4711;
    private readonly TemporaryDirectory _root = new();

    [Fact]
    public void Version_1_is_read_from_a_tree_for_each_controller()
    {
        Write("proc/mounts", """
            cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
            cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0
            cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
            """);
        Write($"proc/{Pid}/cgroup", "5:memory:/machine/vm1\n4:cpuset:/machine/vm1\n3:cpu,cpuacct:/machine/vm1\n");
        Write("sys/fs/cgroup/cpuset/machine/vm1/cpuset.cpus", "\n");
        Write("sys/fs/cgroup/cpuset/machine/vm1/cpuset.effective_cpus", "2-3\n");
        Write("sys/fs/cgroup/cpuset/machine/vm1/cpuset.mems", "1\n");
        Write("sys/fs/cgroup/cpu,cpuacct/machine/vm1/cpu.cfs_quota_us", "150000\n");
        Write("sys/fs/cgroup/cpu,cpuacct/machine/vm1/cpu.cfs_period_us", "100000\n");
        const string stat = "nr_periods 5\nnr_throttled 2\nthrottled_time 12000000\n";
        Write("sys/fs/cgroup/cpu,cpuacct/machine/vm1/cpu.stat", stat);
        Write("sys/fs/cgroup/memory/machine/vm1/memory.limit_in_bytes", "1073741824\n");
        Write("sys/fs/cgroup/memory/machine/vm1/memory.usage_in_bytes", "4096\n");
        ProcessGroups groups = ProcessGroups.Of(Pid, _root.Path)!;
        Assert.Equal([2, 3], groups.Cpus);
        Assert.Equal([1], groups.Nodes);
        Assert.Equal(1.5, groups.CpuQuota);
        Assert.Equal(TimeSpan.FromMilliseconds(12), groups.CpuThrottled);
        Assert.Equal((1L << 30, 4096L), (groups.MemoryLimit, groups.MemoryUsed));
        Assert.Null(groups.CpuPressure);
    }

    [Fact]
    public void Version_1_without_limits_says_none()
    {
        Write("proc/mounts", """
            cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0
            cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
            """);
        Write($"proc/{Pid}/cgroup", "5:memory:/\n3:cpu:/\n");
        Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        ProcessGroups groups = ProcessGroups.Of(Pid, _root.Path)!;
        Assert.Null(groups.CpuQuota);
        Assert.Null(groups.MemoryLimit);
        Assert.Null(groups.Cpus);
    }

    [Fact]
    public void Version_2_is_read_from_the_one_tree_and_from_the_nearest_group_above_that_has_the_controller()
    {
        Write("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n");
        Write($"proc/{Pid}/cgroup", "0::/machine.slice/vm1/emulator\n");
        const string slice = "sys/fs/cgroup/machine.slice";
        Write($"{slice}/cpuset.cpus.effective", "0-7\n");
        Write($"{slice}/vm1/cpuset.cpus.effective", "4-5\n");
        Write($"{slice}/cpuset.mems.effective", "0-1\n");
        Write($"{slice}/vm1/cpu.max", "50000 100000\n");
        Write($"{slice}/vm1/cpu.stat", "usage_usec 77\nnr_throttled 2\nthrottled_usec 12000\n");
        Write($"{slice}/vm1/memory.max", "max\n");
        Write($"{slice}/vm1/memory.current", "8192\n");
        Write($"{slice}/vm1/emulator/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=31\n");
        ProcessGroups groups = ProcessGroups.Of(Pid, _root.Path)!;
        Assert.Equal([4, 5], groups.Cpus);
        Assert.Equal([0, 1], groups.Nodes);
        Assert.Equal(0.5, groups.CpuQuota);
        Assert.Equal(TimeSpan.FromMilliseconds(12), groups.CpuThrottled);
        Assert.Null(groups.MemoryLimit);
        Assert.Equal(8192, groups.MemoryUsed);
        Assert.Equal(31UL, groups.CpuPressure?.SomeMicroseconds);
    }

    [Fact]
    public void Where_both_are_mounted_controllers_are_those_of_version_1_and_pressure_that_of_version_2()
    {
        Write("proc/mounts", """
            cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
            """);
        Write($"proc/{Pid}/cgroup", "1:cpu:/vm1\n0::/vm2\n");
        Write("sys/fs/cgroup/cpu/vm1/cpu.cfs_quota_us", "100000\n");
        Write("sys/fs/cgroup/cpu/vm1/cpu.cfs_period_us", "100000\n");
        Write("sys/fs/cgroup/unified/vm2/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
        ProcessGroups groups = ProcessGroups.Of(Pid, _root.Path)!;
        Assert.Equal(1.0, groups.CpuQuota);
        Assert.Equal(5UL, groups.CpuPressure?.SomeMicroseconds);
    }

    [Fact]
    public void A_process_that_is_gone_has_no_groups()
    {
        Write("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
        Assert.Null(ProcessGroups.Of(Pid, _root.Path));
    }

    [Fact]
    public void This_process_has_groups_on_this_machine() =>
        Assert.Equal(Directory.Exists("/sys/fs/cgroup"), ProcessGroups.Of(Environment.ProcessId) is not null);

    public void Dispose() => _root.Dispose();

    private void Write(string path, string text)
    {
        string file = Path.Combine(_root.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
