using Umbra.Agent.Sensors;
using Umbra.Core.Sensors;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.System.Tests.Sensors;

/// <summary>
/// A VM's threads and disks as figures of a second, from trees and answers as the kernel and QEMU give them.
/// </summary>
public sealed class VcpuSensorTests : IDisposable
{
    private const int Pid = 50;
    private readonly string _root = Directory.CreateTempSubdirectory("umbra-vcpu").FullName;
    private readonly List<IReadOnlyList<int>> _answers = [];
    private int _asked;

    [Fact]
    public async Task Run_and_wait_time_of_all_vCPUs_become_shares_of_the_second()
    {
        VcpuSensor sensor = Sensor([51, 52]);
        Write("proc/50/task/51/schedstat", "1000000000 0 1\n");
        Write("proc/50/task/52/schedstat", "0 0 1\n");
        IReadOnlyList<KpiSample> first = await sensor.ReadAsync(At(1));
        Assert.All(first, sample => Assert.Contains("first look", sample.Reason, StringComparison.Ordinal));
        Write("proc/50/task/51/schedstat", "1600000000 200000000 9\n");
        Write("proc/50/task/52/schedstat", "0 0 1\n");
        IReadOnlyList<KpiSample> second = await sensor.ReadAsync(At(2));
        Assert.Equal(0.3, second[0].Value!.Value, 9);
        Assert.Equal(0.25, second[1].Value!.Value, 9);
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task A_vCPU_that_is_gone_has_QEMU_asked_anew_and_no_rate_over_the_change()
    {
        VcpuSensor sensor = Sensor([51], [60]);
        Write("proc/50/task/51/schedstat", "1000 0 1\n");
        await sensor.ReadAsync(At(1));
        File.Delete(Path.Combine(_root, "proc/50/task/51/schedstat"));
        Write("proc/50/task/60/schedstat", "9000000 0 1\n");
        IReadOnlyList<KpiSample> changed = await sensor.ReadAsync(At(2));
        Assert.Contains("something else", changed[0].Reason, StringComparison.Ordinal);
        Write("proc/50/task/60/schedstat", "509000000 0 1\n");
        Assert.Equal(0.5, (await sensor.ReadAsync(At(3)))[0].Value!.Value, 9);
    }

    [Fact]
    public async Task Without_schedstat_waiting_is_the_pressure_of_the_group_and_utilisation_unknown()
    {
        Write("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
        Write("proc/50/cgroup", "0::/vm\n");
        VcpuSensor sensor = Sensor([51], [51], [51]);
        Write("sys/fs/cgroup/vm/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
        await sensor.ReadAsync(At(1));
        Write("sys/fs/cgroup/vm/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1200000\n");
        IReadOnlyList<KpiSample> second = await sensor.ReadAsync(At(2));
        Assert.Null(second[0].Value);
        Assert.Equal(0.2, second[1].Value!.Value, 9);
    }

    [Fact]
    public async Task An_idle_vCPU_uses_nothing_and_its_waiting_is_unknown()
    {
        VcpuSensor sensor = Sensor([51]);
        Write("proc/50/task/51/schedstat", "1000 5 1\n");
        await sensor.ReadAsync(At(1));
        IReadOnlyList<KpiSample> second = await sensor.ReadAsync(At(2));
        Assert.Equal(0, second[0].Value);
        Assert.Contains("nothing to do", second[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_guests_disk_requests_become_means_and_none_is_unknown()
    {
        BlockStats[] counts = [Stats(0, 0, 0)];
        var sensor = new GuestDiskSensor(
            () => Task.FromResult(QmpOutcome.Ok<IReadOnlyList<BlockStats>>(counts)));
        await sensor.ReadAsync(At(1));
        counts = [Stats(10, 20_000_000, 0)];
        IReadOnlyList<KpiSample> second = await sensor.ReadAsync(At(2));
        Assert.Equal(2, second[0].Value!.Value, 9);
        Assert.Contains("flushed no disk", second[1].Reason, StringComparison.Ordinal);
        IReadOnlyList<KpiSample> third = await sensor.ReadAsync(At(3));
        Assert.Contains("used no disk", third[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_monitor_that_does_not_answer_leaves_the_guests_disks_unknown()
    {
        var sensor = new GuestDiskSensor(() => Task.FromResult(
            QmpOutcome.Failed<IReadOnlyList<BlockStats>>(QmpStatus.TimedOut, "no answer to query-blockstats")));
        Assert.All(
            await sensor.ReadAsync(At(1)), sample => Assert.Equal("no answer to query-blockstats", sample.Reason));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static BlockStats Stats(long writes, long nanoseconds, long flushes) =>
        new("/machine/disk", "node", 0, writes * 4096, 0, writes, flushes, 0, nanoseconds, 0);

    private VcpuSensor Sensor(params IReadOnlyList<int>[] answers)
    {
        _answers.AddRange(answers);
        return new VcpuSensor(Pid, () => Task.FromResult(QmpOutcome.Ok(_answers[_asked++])), _root);
    }

    private void Write(string path, string text)
    {
        string file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private static TimeSpan At(int second) => TimeSpan.FromSeconds(second);
}
