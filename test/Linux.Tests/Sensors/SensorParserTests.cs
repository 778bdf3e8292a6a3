using System.Buffers.Binary;
using Umbra.Linux.Machine;
using Umbra.Linux.Network;
using Umbra.Linux.ProcFs;
using Umbra.Linux.Tests.Support;

namespace Umbra.Linux.Tests.Sensors;

public sealed class SensorParserTests
{
    [Fact]
    public void A_threads_run_and_wait_time_are_read()
    {
        Assert.Equal(new SchedStat(123456789012, 50957), SchedStat.Parse("123456789012 50957 17\n"));
        Assert.Null(SchedStat.Parse("1 2"));
        Assert.Null(SchedStat.Parse("-1 2 3"));
        Assert.Null(SchedStat.Parse(""));
    }

    [Fact]
    public void Pressure_is_read_with_and_without_its_full_line()
    {
        const string some = "some avg10=34.11 avg60=22.76 avg300=23.60 total=138438382\n";
        Assert.Equal(new Pressure(138438382, 7), Pressure.Parse(some + "full avg10=0.00 avg60=0 avg300=0 total=7\n"));
        Assert.Equal(new Pressure(138438382, null), Pressure.Parse(some));
        Assert.Null(Pressure.Parse("some avg10=1 total=x\n"));
        Assert.Null(Pressure.Parse(""));
    }

    [Theory]
    [InlineData("0-3,8\n", "0 1 2 3 8", "0-3,8")]
    [InlineData("5", "5", "5")]
    [InlineData("0,2-3", "0 2 3", "0,2-3")]
    [InlineData("\n", "", "")]
    public void A_list_of_CPUs_is_read_and_written_as_the_kernel_does(string text, string cpus, string written)
    {
        IReadOnlyList<int> list = NumberList.Parse(text)!;
        Assert.Equal(cpus, string.Join(' ', list));
        Assert.Equal(written, NumberList.Format(list));
    }

    [Theory]
    [InlineData("3-1")]
    [InlineData("a")]
    [InlineData("0-8192")]
    [InlineData("0-5,3")]
    [InlineData("1,,2")]
    [InlineData("-1")]
    public void What_is_no_list_of_CPUs_is_refused(string text) => Assert.Null(NumberList.Parse(text));

    [Fact]
    public void A_threads_placement_is_read_from_its_status()
    {
        ThreadPlacement? placement = ThreadPlacement.Parse(
            "Name:\tCPU 0/KVM\nCpus_allowed:\tff\nCpus_allowed_list:\t2-3,6\nMems_allowed_list:\t1\n");
        Assert.Equal([2, 3, 6], placement!.Cpus);
        Assert.Equal([1], placement.Nodes);
        Assert.Null(ThreadPlacement.Parse("Name:\tx\n"));
        Assert.NotEmpty(ThreadPlacement.OfThread(Environment.ProcessId, Environment.ProcessId)!.Cpus);
    }

    [Fact]
    public void The_kernels_fields_of_a_connection_are_found_at_their_places()
    {
        byte[] option = new byte[TcpInfo.OptionBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(option.AsSpan(68), 1500);
        BinaryPrimitives.WriteUInt32LittleEndian(option.AsSpan(100), 3);
        BinaryPrimitives.WriteUInt64LittleEndian(option.AsSpan(120), 1UL << 40);
        BinaryPrimitives.WriteUInt64LittleEndian(option.AsSpan(128), 77);
        BinaryPrimitives.WriteUInt32LittleEndian(option.AsSpan(156), 99);
        Assert.Equal(new TcpInfo(TimeSpan.FromMicroseconds(1500), 3, 99, 1UL << 40, 77), TcpInfo.Parse(option));
        Assert.Null(TcpInfo.Parse(option.AsSpan(0, 159)));
    }

    [Fact]
    public void Counters_of_an_interface_are_the_sum_of_both_directions()
    {
        using var root = new TemporaryDirectory();
        string statistics = Path.Combine(root.Path, "sys/class/net/eth0/statistics");
        Directory.CreateDirectory(statistics);
        string[] files = ["rx_bytes 100", "tx_bytes 20", "rx_packets 3", "tx_packets 4", "rx_errors 1", "tx_errors 0"];
        foreach (string[] file in files.Select(f => f.Split(' ')))
            File.WriteAllText(Path.Combine(statistics, file[0]), file[1] + "\n");
        Assert.Equal(new InterfaceCounters(120, 7, 1), InterfaceCounters.Read("eth0", root.Path));
        Assert.Null(InterfaceCounters.Read("eth1", root.Path));
        Assert.Null(InterfaceCounters.Read("../eth0", root.Path));
        File.WriteAllText(Path.Combine(statistics, "tx_errors"), "x");
        Assert.Null(InterfaceCounters.Read("eth0", root.Path));
        Assert.NotNull(InterfaceCounters.Read("lo"));
    }

    [Fact]
    public void The_node_and_the_largest_cache_of_a_CPU_are_found()
    {
        using var root = new TemporaryDirectory();
        Write(root, "sys/devices/system/node/online", "0-1\n");
        Write(root, "sys/devices/system/node/node0/cpulist", "0-3\n");
        Write(root, "sys/devices/system/node/node1/cpulist", "4-7\n");
        Write(root, "sys/devices/system/cpu/cpu5/cache/index0/size", "32K\n");
        Write(root, "sys/devices/system/cpu/cpu5/cache/index1/size", "107520K\n");
        Assert.Equal(1, CpuTopology.NodeOf(5, root.Path));
        Assert.Null(CpuTopology.NodeOf(9, root.Path));
        Assert.Equal(105L * 1024 * 1024, CpuTopology.LastCacheBytes(5, root.Path));
        Assert.Null(CpuTopology.LastCacheBytes(6, root.Path));
        Assert.Null(CpuTopology.ParseSize("many"));
    }

    private static void Write(TemporaryDirectory root, string path, string text)
    {
        string file = Path.Combine(root.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
