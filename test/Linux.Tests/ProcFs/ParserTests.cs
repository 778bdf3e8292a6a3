using Umbra.Linux.ProcFs;
using Umbra.Linux.Processes;
using Umbra.Linux.Tests.Support;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Tests.ProcFs;

public sealed class ParserTests
{
    private const string CpuInfo = """
        processor	: 0
        vendor_id	: AuthenticAMD
        model name	: AMD EPYC
        microcode	: 0x1000065
        flags		: fpu vme sse2 avx512f

        processor	: 1
        model name	: AMD EPYC
        """;

    private const string HybridMounts = """
        proc /proc proc rw,relatime 0 0
        tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
        cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0
        cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
        cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,release_agent=/x,name=systemd 0 0
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
        """;

    [Fact]
    public void Maps_are_read_with_paths_that_hold_blanks()
    {
        List<ProcessMapping> mappings = ProcessMaps.Parse("""
            7ffc1000-7ffc3000 rw-p 00000000 00:00 0                          [stack]
            7f0000000000-7f0000001000 r-xs 00002000 fe:01 1234               /a dir/a file (deleted)
            7f0000001000-7f0000002000 ---p 00000000 00:00 0 
            nonsense
            7f0000003000-7f0000002000 rw-p 00000000 00:00 0
            """);
        Assert.Equal(3, mappings.Count);
        Assert.Equal("[stack]", mappings[0].Path);
        ProcessMapping shared = new(0x7f0000000000, 0x7f0000001000, "r-xs", 0x2000, 1234, "/a dir/a file (deleted)");
        Assert.Equal(shared, mappings[1]);
        Assert.True(mappings[1].IsShared);
        Assert.Equal("", mappings[2].Path);
        Assert.Equal(0x1000UL, mappings[2].Bytes);
    }

    [Fact]
    public void Own_maps_and_stat_parse()
    {
        List<ProcessMapping> mappings = ProcessMaps.Parse(TextFile.TryRead("/proc/self/maps")!);
        Assert.Contains(mappings, mapping => mapping.Path == "[stack]");
        Assert.Equal(Environment.ProcessId, ProcessStat.Parse(TextFile.TryRead("/proc/self/stat")!)?.Pid);
    }

    [Fact]
    public void A_command_name_with_blanks_and_parentheses_does_not_shift_the_fields()
    {
        ProcessStat? stat = ProcessStat.Parse(
            "4711 (a) S (b) R 1 4711 4711 0 -1 4194560 1 2 3 4 55 66 7 8 20 0 3 0 987654 1000 200 1844\n");
        Assert.Equal(new ProcessStat(4711, "a) S (b", 'R', 1, 55, 66, 987654), stat);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 (x")]
    [InlineData("1 (x)")]
    [InlineData("1 (x) S 1 2")]
    [InlineData("x (x) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")]
    [InlineData("(x) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")]
    public void A_line_that_is_no_stat_is_refused(string text) => Assert.Null(ProcessStat.Parse(text));

    [Fact]
    public void Memory_is_read_in_bytes()
    {
        const string text = "MemTotal:       24684096 kB\nMemFree:  1 kB\nHugePages_Total:       3\nBad: -1 kB\n";
        Assert.Equal(24684096L * 1024, KernelText.MemoryBytes(text, "MemTotal"));
        Assert.Null(KernelText.MemoryBytes(text, "HugePages_Total"));
        Assert.Null(KernelText.MemoryBytes(text, "Bad"));
        Assert.Null(KernelText.MemoryBytes(text, "Mem"));
        Assert.Null(KernelText.MemoryBytes("MemTotal: 9223372036854775807 kB", "MemTotal"));
    }

    [Fact]
    public void Processors_are_read()
    {
        Assert.Equal("AMD EPYC", KernelText.ProcessorModel(CpuInfo));
        Assert.Equal("0x1000065", KernelText.ProcessorMicrocode(CpuInfo));
        Assert.Equal(2, KernelText.ProcessorCount(CpuInfo));
        Assert.Contains("avx512f", KernelText.ProcessorFlags(CpuInfo));
        Assert.Null(KernelText.ProcessorModel(""));
    }

    [Theory]
    [InlineData("6.18.44-fc-v595\n", 6, 18)]
    [InlineData("6.1.0-28-amd64", 6, 1)]
    [InlineData("6.7-rc1", 6, 7)]
    [InlineData("7.0", 7, 0)]
    public void Kernel_releases_are_compared_by_numbers(string release, int major, int minor) =>
        Assert.Equal(new Version(major, minor), KernelText.KernelVersion(release));

    [Theory]
    [InlineData("")]
    [InlineData("six.one")]
    [InlineData("6")]
    [InlineData("6.")]
    [InlineData("99999999999.1")]
    public void What_is_no_release_is_refused(string release) => Assert.Null(KernelText.KernelVersion(release));

    [Fact]
    public void The_boot_id_is_read_under_a_root()
    {
        using TemporaryDirectory root = new();
        Assert.Null(KernelText.BootId(root.Path));
        Directory.CreateDirectory(root.File("proc/sys/kernel/random"));
        Guid id = Guid.NewGuid();
        File.WriteAllText(root.File("proc/sys/kernel/random/boot_id"), id + "\n");
        Assert.Equal(id, KernelText.BootId(root.Path));
        Assert.NotNull(KernelText.BootId());
    }

    [Fact]
    public void Both_generations_of_control_groups_are_found()
    {
        ControlGroups groups = ControlGroups.Parse(HybridMounts);
        Assert.Equal(ControlGroupLayout.Hybrid, groups.Layout);
        Assert.Equal("/sys/fs/cgroup/unified", groups.UnifiedMount);
        Assert.Equal("/sys/fs/cgroup/cpu,cpuacct", groups.ControllerMounts["cpu"]);
        Assert.Equal("/sys/fs/cgroup/cpu,cpuacct", groups.ControllerMounts["cpuacct"]);
        Assert.Equal(["cpu", "cpuacct", "memory", "name=systemd"], groups.ControllerMounts.Keys.Order());
        Assert.Equal(
            ControlGroupLayout.Version2,
            ControlGroups.Parse("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n").Layout);
        Assert.Equal(ControlGroupLayout.None, ControlGroups.Parse("proc /proc proc rw 0 0\n").Layout);
    }

    [Fact]
    public void Memberships_are_found_by_controller()
    {
        IReadOnlyDictionary<string, string> paths = ControlGroups.ParseMembership(
            "9:name=systemd:/\n4:memory:/a/b\n2:cpu,cpuacct:/c:d\n0::/unified\nbad\n");
        Assert.Equal("/a/b", paths["memory"]);
        Assert.Equal("/c:d", paths["cpuacct"]);
        Assert.Equal("/unified", paths[""]);
    }

    [Fact]
    public void Arguments_end_with_zero_bytes()
    {
        Assert.Equal(["a", "", "b c"], ProcessHandle.SplitArguments("a\0\0b c\0"u8));
        Assert.Equal(["cut"], ProcessHandle.SplitArguments("cut"u8));
        Assert.Empty(ProcessHandle.SplitArguments([]));
    }

    [Theory]
    [InlineData("pending:\t0\ntotal:\t0\nAPI:\taa:8000b000:1ff\n", 0x8000b000UL)]
    [InlineData("API:\taa:0:1ff\n", 0UL)]
    [InlineData("API:\taa:zz:1ff\n", null)]
    [InlineData("API:\taa\n", null)]
    [InlineData("pos:\t0\n", null)]
    public void Features_of_a_userfaultfd_are_read(string fdinfo, ulong? features) =>
        Assert.Equal(features, UserFaultAdoption.ParseFeatures(fdinfo));
}
