using System.Diagnostics;
using System.Globalization;
using Umbra.Lab.Degrading;
using Xunit;

namespace Umbra.Lab.Tests;

/// <summary>Hosts that are made worse really get worse, alone, and well again.</summary>
public sealed class DegradingTests
{
    private const string Piece = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    private const string Write = "dd if=/dev/zero of=\"$0/written\" bs=16k count=20 oflag=direct,dsync 2>/dev/null";

    private const string HoldMemory =
        "x=$(head -c 50000000 /dev/zero | tr '\\0' x); while :; do sleep 0.1; : ${#x}; done";

    private static readonly LabOptions TwoHosts = new() { Hosts = 2, Groups = true };

    [Fact]
    public async Task A_cpu_quota_slows_one_host_and_its_end_heals_it()
    {
        Root.Require();
        if (HostGroup.WhyMissing is { } missing) Assert.Skip(missing);
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        var degradation = new CpuDegradation(lab.Hosts[0]);
        await degradation.GoToAsync(degradation.Steps.Count - 1);
        TimeSpan other = Time(lab.Hosts[1], Piece);
        Assert.True(Time(lab.Hosts[0], Piece) > other * 2, "the quota has no effect");
        await degradation.UndoAsync();
        Assert.True(Time(lab.Hosts[0], Piece) < other * 2, "the quota is still in force");
    }

    [Fact]
    public async Task A_write_limit_slows_one_hosts_disk_and_its_end_heals_it()
    {
        Root.Require();
        if (HostGroup.WhyMissing is { } missing) Assert.Skip(missing);
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        var degradation = new DiskDegradation(lab.Hosts[0]);
        await degradation.GoToAsync(degradation.Steps.Count - 1);
        // 320 KiB at 50 KiB/s.
        Assert.True(Time(lab.Hosts[0], Write) > TimeSpan.FromSeconds(4), "the limit has no effect");
        Assert.True(Time(lab.Hosts[1], Write) < TimeSpan.FromSeconds(4), "another host is slow too");
        await degradation.UndoAsync();
        Assert.True(Time(lab.Hosts[0], Write) < TimeSpan.FromSeconds(4), "the limit is still in force");
    }

    [Fact]
    public async Task A_lossy_link_loses_some_packets_of_one_host()
    {
        Root.Require();
        if (HostGroup.WhyMissing is { } missing) Assert.Skip(missing);
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        var degradation = new NetDegradation(lab, lab.Hosts[0]);
        await degradation.GoToAsync(0);
        await degradation.GoToAsync(degradation.Steps.Count - 1);
        int received = Received(lab.Hosts[0], lab.Hosts[1].Address);
        Assert.InRange(received, 1, 299);
        await degradation.UndoAsync();
        Assert.Equal(300, Received(lab.Hosts[0], lab.Hosts[1].Address));
    }

    [Fact]
    public async Task A_memory_limit_swaps_out_what_one_host_has_and_its_end_lets_it_back()
    {
        Root.Require();
        if (HostGroup.WhyMissing is { } missing) Assert.Skip(missing);
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        HostGroup group = lab.Hosts[0].Group!;
        using LabProcess process = InGroup(lab.Hosts[0], HoldMemory);
        await Wait.UntilAsync(
            "the memory to be taken", () => Task.FromResult(group.MemoryInUse() > 45_000_000), ShellCommand.TimeLimit);
        var degradation = new MemoryDegradation(lab, lab.Hosts[0]);
        await degradation.GoToAsync(degradation.Steps.Count - 1);
        await Wait.UntilAsync(
            "the memory to be swapped out", () => Task.FromResult(group.MemoryInUse() < 25_000_000),
            ShellCommand.TimeLimit);
        await degradation.UndoAsync();
        await Wait.UntilAsync(
            "the memory to be back", () => Task.FromResult(group.MemoryInUse() > 45_000_000), ShellCommand.TimeLimit);
        Assert.False(process.HasExited);
    }

    [Fact]
    public async Task A_memory_limit_that_the_kernel_cannot_reach_is_told_and_leaves_the_host_as_it_is()
    {
        Root.Require();
        if (HostGroup.WhyMissing is { } missing) Assert.Skip(missing);
        if (!Directory.Exists("/sys/fs/cgroup/memory")) Assert.Skip("control groups of version 2 take any limit");
        if (File.ReadLines("/proc/swaps").Count() > 1) Assert.Skip("this machine can swap out all there is");
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        HostGroup group = lab.Hosts[0].Group!;
        using LabProcess process = InGroup(lab.Hosts[0], HoldMemory);
        await Wait.UntilAsync(
            "the memory to be taken", () => Task.FromResult(group.MemoryInUse() > 45_000_000), ShellCommand.TimeLimit);
        Assert.False(group.TryLimitMemory(5_000_000));
        Assert.True(group.TryLimitMemory(null));
        Assert.True(group.MemoryInUse() > 45_000_000);
        Assert.False(process.HasExited);
    }

    [Fact]
    public async Task A_bmc_tells_the_values_that_it_was_given()
    {
        Root.Require();
        if (!File.Exists("/usr/bin/ipmi_sim")) Assert.Skip("ipmi_sim is not installed (Debian: openipmi)");
        await using FleetLab lab = await FleetLab.CreateAsync(new LabOptions { Hosts = 1, Bmcs = true });
        LabHost host = lab.Hosts[0];
        string well = Sensors(host);
        Assert.Contains("45 degrees", well);
        Assert.Contains($"{LabBmc.FanWell * LabBmc.FanRpm} RPM", well);
        var degradation = new BmcDegradation(host);
        await degradation.GoToAsync(degradation.Steps.Count - 1);
        Assert.Contains("101 degrees", Sensors(host));
        await degradation.UndoAsync();
        Assert.Equal(well, Sensors(host));
    }

    [Fact]
    public async Task The_control_keeps_both_hosts_alike_busy()
    {
        Root.Require();
        if (HostGroup.WhyMissing is { } missing) Assert.Skip(missing);
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        var load = new BusyLoad(lab, lab.Hosts);
        await load.GoToAsync(0);
        // A process enters its namespace a moment after it was started.
        await Wait.UntilAsync(
            "a loop in each host",
            () => Task.FromResult(lab.Hosts.All(
                static host => NetworkNamespace.Processes(host.Space.Name).Count() == 1)),
            ShellCommand.TimeLimit);
        await load.UndoAsync();
        Assert.All(lab.Hosts, static host => Assert.Empty(NetworkNamespace.Processes(host.Space.Name)));
    }

    [Fact]
    public async Task Groups_and_swap_of_a_lab_leave_no_trace()
    {
        Root.Require();
        string id, swap;
        await using (FleetLab lab = await FleetLab.CreateAsync(TwoHosts))
        {
            id = lab.Id;
            swap = lab.AddSwap(1 << 24);
            Assert.Contains(swap + " ", File.ReadAllText("/proc/swaps").Replace('\t', ' '));
            using LabProcess process = InGroup(lab.Hosts[0], "sleep 1000");
        }

        Assert.DoesNotContain(swap + " ", File.ReadAllText("/proc/swaps").Replace('\t', ' '));
        Assert.False(File.Exists(swap), $"{swap} is still there");
        Assert.DoesNotContain(
            Directory.EnumerateDirectories("/sys/fs/cgroup", $"*{id}*", SearchOption.AllDirectories), static _ => true);
    }

    private static TimeSpan Time(LabHost host, string script)
    {
        long start = Stopwatch.GetTimestamp();
        ShellCommand.Run(
            host.Group!.Launcher[0], [.. host.Group.Launcher.Skip(1), "sh", "-c", script, host.StateDirectory]);
        return Stopwatch.GetElapsedTime(start);
    }

    private static LabProcess InGroup(LabHost host, string script) => LabProcess.Start(
        host.Space, "/dev/null", ["sh", "-c", script], host.Group);

    private static int Received(LabHost from, string address)
    {
        string said = from.Space.TryRun(
            "busybox", "ping", "-q", "-c", "300", "-i", "0.002", "-W", "1", address).Output;
        string words = said.Split(" packets received")[0];
        return int.Parse(words[(words.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    private static string Sensors(LabHost host)
    {
        IReadOnlyList<string> options = host.Bmc!.AgentOptions;
        var address = new Uri(options[1]);
        return host.Space.TryRun(
            "ipmitool", "-I", "lanplus", "-H", address.Host, "-p", address.Port.ToString(CultureInfo.InvariantCulture),
            "-U", address.UserInfo, "-f", options[3], "-L", "USER", "sdr", "elist", "all").Output;
    }
}
