using System.Diagnostics;
using System.Globalization;
using Umbra.Agent.Sensors;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Linux.Memory;
using Umbra.Linux.ProcFs;
using Umbra.System.Tests.Guests;
using Xunit;

namespace Umbra.System.Tests.Sensors;

/// <summary>Real canaries on this machine: what they cost, and whether they see a CPU that is taken away.</summary>
public sealed class CanaryTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Canaries_cost_less_than_one_percent_of_a_core_over_ten_seconds()
    {
        using HostCanary canary = StartCanary();
        CanaryReading first = await NextAsync(canary, null);
        CanaryReading last = first;
        TimeSpan costMax = TimeSpan.Zero;
        while (last.At - first.At < TimeSpan.FromSeconds(10))
        {
            last = await NextAsync(canary, last);
            if (last.CpuTime > costMax) costMax = last.CpuTime;
        }

        if (first.Sched is null || last.Sched is null) Assert.Skip("this kernel keeps no schedstat");
        // All that the thread has cost by the scheduler's word, not only what it measures of itself.
        ulong cost = last.Sched.Value.RunNanoseconds - first.Sched.Value.RunNanoseconds;
        double share = cost / (last.At - first.At).TotalNanoseconds;
        GuestBed.Say($"canary: {share:0.00 %} of a core, at most {costMax.TotalMilliseconds:0.00} ms a second; piece "
            + $"{last.WorkNanoseconds / 1000:0.0} us, access {last.AccessNanoseconds:0.0} ns");
        Assert.InRange(share, 0.0001, 0.01);
        Assert.True(last.WorkNanoseconds > 1000);
        Assert.InRange(last.AccessNanoseconds!.Value, 2, 10_000);
    }

    [Fact]
    public async Task A_disk_canary_costs_less_than_a_fifth_of_a_percent_and_answers_each_second()
    {
        string path = $"/var/tmp/umbra-disk-canary-{Environment.ProcessId}";
        using var canary = new DiskCanary(path);
        await WaitAsync(() => canary.Latest is not null || canary.Trouble.Contains("EINVAL", StringComparison.Ordinal));
        if (canary.Latest is null) Assert.Skip("/var/tmp knows no direct I/O");
        int thread = ThreadNamed("disk canary");
        SchedStat before = SchedStat.OfThread(Environment.ProcessId, thread)!.Value;
        DiskReading first = canary.Latest!;
        await WaitAsync(() => canary.Latest!.At - first.At > TimeSpan.FromSeconds(5));
        SchedStat after = SchedStat.OfThread(Environment.ProcessId, thread)!.Value;
        double share = (after.RunNanoseconds - before.RunNanoseconds) / (canary.Latest!.At - first.At).TotalNanoseconds;
        GuestBed.Say($"disk canary: {share:0.000 %} of a core; {canary.Latest}");
        Assert.InRange(share, 0, 0.002);
        canary.Dispose();
        await WaitAsync(() => !File.Exists(path));
    }

    [Fact]
    public async Task A_canary_whose_CPU_time_is_cut_by_a_control_group_shows_longer_work_and_then_heals()
    {
        CutGroup.Require();
        using HostCanary canary = StartCanary();
        await using var group = new CutGroup();
        double healthy = await MedianWorkAsync(canary);
        group.Take("canary ");
        List<CanaryReading> cut = await ReadingsAsync(canary, 6);
        double throttled = cut.Average(static reading => reading.WorkNanoseconds);
        double share = cut.Min(static reading => reading.CpuShare);
        CutGroup.LetGo("canary ");
        double healed = await MedianWorkAsync(canary);
        GuestBed.Say($"a piece took {healthy / 1000:0} us, throttled {throttled / 1000:0} us (share of CPU "
            + $"{share:0.000} at the least), healed {healed / 1000:0} us");
        Assert.True(throttled > healthy * 3, $"{throttled} against {healthy} ns");
        Assert.True(share < 0.5, $"{share}");
        Assert.True(healed < throttled / 2, $"{healed} against {throttled} ns");
    }

    [Fact]
    public async Task A_disk_canary_whose_CPU_time_is_cut_does_not_blame_the_disk()
    {
        const int looks = 6;
        CutGroup.Require();
        using var canary = new DiskCanary($"/var/tmp/umbra-disk-canary-{Environment.ProcessId}-cut");
        await WaitAsync(() => canary.Latest is not null || canary.Trouble.Contains("EINVAL", StringComparison.Ordinal));
        if (canary.Latest is null) Assert.Skip("/var/tmp knows no direct I/O");
        await using var group = new CutGroup();
        group.Take("disk canary");
        DiskReading last = canary.Latest!;
        TimeSpan start = last.At, disk = TimeSpan.Zero;
        for (int look = 0; look < looks; look++)
        {
            DiskReading before = last;
            await WaitAsync(() => canary.Latest != before);
            last = canary.Latest!;
            disk += (2 * last.Latency) + last.Flush;
        }

        CutGroup.LetGo("disk canary");
        TimeSpan late = last.At - start - TimeSpan.FromSeconds(looks);
        GuestBed.Say($"{late.TotalMilliseconds:0} ms late in {looks} looks, {disk.TotalMilliseconds:0} ms by the disk");
        Assert.True(late > TimeSpan.FromMilliseconds(10 * looks), $"it was not cut: {late}");
        Assert.True(disk < late / 2, $"{disk} of {late}");
    }

    [Fact]
    public void A_place_has_one_canary_for_all_its_VMs_and_none_beyond_the_hosts_limit()
    {
        int made = 0, gone = 0;
        var pool = new SharedPool<Thing>(_ => new Thing(() => gone++, made++), countMax: 2);
        SharedPool<Thing>.Share first = pool.TryShare("a")!, second = pool.TryShare("a")!;
        Assert.Same(first.Thing, second.Thing);
        Assert.NotNull(pool.TryShare("b"));
        Assert.Null(pool.TryShare("c"));
        first.Dispose();
        first.Dispose();
        Assert.Equal((2, 0), (made, gone));
        second.Dispose();
        Assert.Equal(1, gone);
        Assert.NotNull(pool.TryShare("c"));
    }

    [Theory]
    [InlineData(null, 64)]
    [InlineData(4L, 32)]
    [InlineData(105L, 210)]
    [InlineData(1152L, 512)]
    public void The_ring_is_larger_than_the_last_level_cache_as_far_as_its_limit_goes(long? cacheMiB, long ringMiB)
    {
        long bytes = HostCanary.RingBytes(cacheMiB * Sizes.MiB);
        Assert.Equal(ringMiB, bytes / Sizes.MiB);
        Assert.InRange(bytes, PointerChase.BytesMin, PointerChase.BytesMax);
    }

    private static HostCanary StartCanary() =>
        new(ThreadPlacement.OfThread(Environment.ProcessId, Environment.ProcessId)!);

    private static async Task<double> MedianWorkAsync(HostCanary canary)
    {
        double[] works = [.. (await ReadingsAsync(canary, 3)).Select(static r => r.WorkNanoseconds).Order()];
        return works[works.Length / 2];
    }

    // The first may have begun before what is to be seen.
    private static async Task<List<CanaryReading>> ReadingsAsync(HostCanary canary, int count)
    {
        CanaryReading? last = await NextAsync(canary, canary.Latest);
        List<CanaryReading> readings = [];
        while (readings.Count < count) readings.Add(last = await NextAsync(canary, last));
        return readings;
    }

    private static async Task<CanaryReading> NextAsync(HostCanary canary, CanaryReading? last)
    {
        await WaitAsync(() => canary.Latest is { } reading && reading != last);
        return canary.Latest!;
    }

    private static Task WaitAsync(Func<bool> isSo) =>
        Wait.UntilAsync("the canary", () => Task.FromResult(isSo()), s_patience);

    /// <summary>The kernel's id of this process's newest thread of that name.</summary>
    private static int ThreadNamed(string name)
    {
        IEnumerable<int> threads = Directory.EnumerateDirectories("/proc/self/task")
            .Where(task => File.ReadAllText(task + "/comm").StartsWith(name, StringComparison.Ordinal))
            .Select(task => int.Parse(Path.GetFileName(task), CultureInfo.InvariantCulture));
        return threads.Max();
    }

    private sealed class Thing(Action gone, int number) : IDisposable
    {
        public int Number => number;

        public void Dispose() => gone();
    }
}
