using System.Diagnostics;
using Xunit;

namespace Umbra.Lab.Tests;

/// <summary>A lab's networks, hosts and traces.</summary>
public sealed class FleetLabTests
{
    private static readonly LabOptions TwoHosts = new() { Hosts = 2 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Hosts_reach_each_other_and_the_controller_and_a_cut_host_nobody()
    {
        Root.Require();
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        LabHost first = lab.Hosts[0];
        LabHost second = lab.Hosts[1];
        Assert.True(Reaches(first.Space, second.Address));
        Assert.True(Reaches(second.Space, FleetLab.ControllerAddress));

        first.CutManagement();
        Assert.False(Reaches(first.Space, second.Address));
        Assert.True(Reaches(second.Space, FleetLab.ControllerAddress));
        first.HealManagement();
        Assert.True(Reaches(first.Space, second.Address));
    }

    [Fact]
    public async Task A_one_way_cut_loses_packets_of_one_host_only()
    {
        Root.Require();
        await using FleetLab lab = await FleetLab.CreateAsync(new LabOptions { Hosts = 3 });
        lab.Hosts[0].DropFrom(lab.Hosts[1].Address);
        Assert.False(Reaches(lab.Hosts[1].Space, lab.Hosts[0].Address));
        Assert.True(Reaches(lab.Hosts[2].Space, lab.Hosts[0].Address));
        lab.Hosts[0].AcceptFrom(lab.Hosts[1].Address);
        Assert.True(Reaches(lab.Hosts[1].Space, lab.Hosts[0].Address));
    }

    [Fact]
    public async Task The_client_reaches_what_hangs_on_a_host_bridge()
    {
        Root.Require();
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        lab.Hosts[1].Space.Ip($"addr add 10.77.0.99/24 dev {LabHost.GuestBridge}");
        Assert.True(Reaches(lab.Client, "10.77.0.99"));
        lab.Hosts[1].CutLan();
        Assert.False(Reaches(lab.Client, "10.77.0.99"));
    }

    [Fact]
    public async Task Two_labs_stand_side_by_side_and_each_leaves_no_trace()
    {
        Root.Require();
        string first;
        await using (FleetLab one = await FleetLab.CreateAsync(TwoHosts))
        {
            first = one.Id;
            await using FleetLab two = await FleetLab.CreateAsync(TwoHosts);
            Assert.True(Reaches(one.Hosts[0].Space, one.Hosts[1].Address));
            Assert.True(Reaches(two.Hosts[0].Space, two.Hosts[1].Address));
        }

        Assert.Empty(Traces(first));
    }

    [Fact]
    public async Task A_process_that_detached_itself_ends_with_the_lab()
    {
        Root.Require();
        await using (FleetLab lab = await FleetLab.CreateAsync(TwoHosts))
        {
            lab.Hosts[0].Space.TryRun("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 </dev/null &");
            Assert.NotEmpty(NetworkNamespace.Processes(lab.Hosts[0].Space.Name));
        }

        Assert.DoesNotContain(
            Process.GetProcessesByName("sleep"),
            sleep => File.ReadAllText($"/proc/{sleep.Id}/cmdline").Contains("1000", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_small_state_disk_fills_and_is_freed()
    {
        Root.Require();
        await using FleetLab lab = await FleetLab.CreateAsync(new LabOptions
        {
            Hosts = 2,
            StateBytes = number => number == 2 ? 4 << 20 : 0,
        });
        LabHost host = lab.Hosts[1];
        host.FillStateDisk();
        string path = Path.Combine(host.StateDirectory, "more");
        Assert.Throws<IOException>(() => File.WriteAllBytes(path, new byte[4096]));
        host.FreeStateDisk();
        File.WriteAllBytes(path, new byte[4096]);
    }

    [Fact]
    public async Task A_connection_through_the_door_begins_inside_the_namespace()
    {
        Root.Require();
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        string log = Path.Combine(lab.LogDirectory, "echo.log");
        using LabProcess echo = LabProcess.Start(
            lab.Center, log, ["busybox", "nc", "-l", "-p", "7", "-e", "cat"]);
        Stream? stream = null;
        await Wait.UntilAsync("the echo service", async () =>
        {
            stream = await TryConnectAsync(lab.CenterDoor);
            return stream is not null;
        }, TimeSpan.FromSeconds(20), () => echo.LogTail());
        await using Stream connected = stream!;
        await connected.WriteAsync("hello\n"u8.ToArray(), Cancel);
        using var reader = new StreamReader(connected);
        Assert.Equal("hello", await reader.ReadLineAsync(Cancel));
    }

    [Fact]
    public async Task A_refused_connection_through_the_door_says_so()
    {
        Root.Require();
        await using FleetLab lab = await FleetLab.CreateAsync(TwoHosts);
        IOException refusal = await Assert.ThrowsAsync<IOException>(
            () => lab.CenterDoor.ConnectAsync(FleetLab.ControllerAddress, 9, Cancel));
        Assert.Contains("refused", refusal.Message, StringComparison.OrdinalIgnoreCase);
    }

    internal static IEnumerable<string> Traces(string id) =>
        new[] { "/run/netns", "/dev/shm", "/var/tmp/umbra-lab", RunFile.Directory }
            .Where(Directory.Exists)
            .SelectMany(Directory.EnumerateFileSystemEntries)
            .Where(path => path.Contains(id, StringComparison.Ordinal));

    private static async Task<Stream?> TryConnectAsync(NamespaceDoor door)
    {
        try
        {
            return await door.ConnectAsync(FleetLab.ControllerAddress, 7, Cancel);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static bool Reaches(NetworkNamespace from, string address) =>
        from.TryRun("busybox", "ping", "-c", "1", "-W", "1", address).ExitCode == 0;
}
