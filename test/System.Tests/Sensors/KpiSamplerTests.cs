using System.Threading.Channels;
using Umbra.Agent.Sensors;
using Umbra.Core.Basics;
using Umbra.Core.Sensors;
using Umbra.Linux.Machine;
using Xunit;

namespace Umbra.System.Tests.Sensors;

/// <summary>Sensors that go wrong are unknown, and are nobody else's trouble.</summary>
public sealed class KpiSamplerTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_sensor_that_hangs_is_unknown_until_it_comes_back_and_stops_no_other()
    {
        var gate = new TaskCompletionSource();
        int asked = 0;
        var hangs = new ScriptedSensor("disk.latency", async () =>
        {
            if (Interlocked.Increment(ref asked) == 2) await gate.Task;
            return KpiSample.Of("disk.latency", asked);
        });
        int counted = 0;
        var goesOn = new ScriptedSensor(
            "cpu.work", () => Task.FromResult(KpiSample.Of("cpu.work", Interlocked.Increment(ref counted))));
        var sets = new SetLog();
        await using KpiSampler sampler = Start(sets, hangs, goesOn);
        KpiSet first = await sets.WaitAsync(set => Of(set, "disk.latency").Value is 1);
        Assert.Equal(1, Of(first, "cpu.work").Value);
        KpiSet late = await sets.WaitAsync(set => Of(set, "disk.latency").Value is null);
        Assert.Contains("no answer within 500 ms", Of(late, "disk.latency").Reason, StringComparison.Ordinal);
        KpiSet hung = await sets.WaitAsync(
            set => Of(set, "disk.latency").Reason.Contains("hangs for", StringComparison.Ordinal));
        Assert.Equal(3, Of(hung, "cpu.work").Value);
        Assert.Equal(2, Volatile.Read(ref asked));
        gate.SetResult();
        KpiSet healed = await sets.WaitAsync(set => Of(set, "disk.latency").Value is not null);
        Assert.Equal(3, Of(healed, "disk.latency").Value);
    }

    [Fact]
    public async Task A_sensor_that_fails_or_says_nothing_is_unknown_with_the_reason_and_its_duration()
    {
        var fails = new ScriptedSensor("net.loss", () => throw new IOException("the cable is out"));
        var silent = new ScriptedSensor("cpu.wait", () => Task.FromResult(KpiSample.Of("something.else", 1)));
        var sets = new SetLog();
        await using KpiSampler sampler = Start(sets, fails, silent);
        KpiSet set = await sets.WaitAsync(_ => true);
        Assert.Equal(["cpu.wait", "net.loss"], set.Samples.Select(s => s.Kpi));
        Assert.All(set.Samples, sample => Assert.True(sample.Value is null && sample.Took > TimeSpan.Zero));
        Assert.Contains("the cable is out", Of(set, "net.loss").Reason, StringComparison.Ordinal);
        Assert.Contains("said nothing", Of(set, "cpu.wait").Reason, StringComparison.Ordinal);
        Assert.Equal(set.Samples, sampler.Status.Here);
    }

    [Fact]
    public async Task A_sampler_ends_at_once_although_a_sensor_hangs()
    {
        var never = new TaskCompletionSource<KpiSample>();
        var asked = new TaskCompletionSource();
        var hangs = new ScriptedSensor("disk.latency", () =>
        {
            asked.TrySetResult();
            return never.Task;
        });
        KpiSampler sampler = Start(new SetLog(), hangs);
        await asked.Task.WaitAsync(s_patience, TestContext.Current.CancellationToken);
        await sampler.DisposeAsync().AsTask().WaitAsync(s_patience, TestContext.Current.CancellationToken);
        Assert.Null(sampler.Latest);
    }

    [Fact]
    public void Both_series_meet_at_the_sink_also_when_one_falls_out()
    {
        var sink = new SinkLog();
        var paired = new PairedKpis(new VmId("vm"), sink);
        paired.Connected();
        TimeSpan ahead = TimeSpan.FromDays(3);
        for (int second = 1; second <= 10; second++)
        {
            paired.OnShadow(new KpiSet(At(second), [KpiSample.Of("cpu.work", second)]));
            if (second != 4)
                paired.OnPrimary(new KpiSet(ahead + At(second), [KpiSample.Of("cpu.work", second)]), At(second + 0.01));
        }

        Assert.Equal(10, sink.Pairs.Count);
        Assert.Null(Assert.Single(sink.Pairs, pair => Of(pair.Shadow!, "cpu.work").Value is 4).Primary);
        Assert.All(
            sink.Pairs.Where(pair => pair.Primary is not null),
            pair => Assert.Equal(Of(pair.Shadow!, "cpu.work").Value, Of(pair.Primary!, "cpu.work").Value));
        Assert.Equal(9, paired.AddTo(new()).Pairs);
        Assert.Equal(10, Assert.Single(paired.AddTo(new()).Primary).Value);
    }

    private static KpiSampler Start(SetLog sets, params ISensor[] sensors) =>
        new(sensors, TimeProvider.System, static () => BootClock.Now, sets.Add);

    private static KpiSample Of(KpiSet set, string kpi) => set.Samples.Single(s => s.Kpi == kpi);

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);

    private sealed class ScriptedSensor(string kpi, Func<Task<KpiSample>> read) : ISensor
    {
        public IReadOnlyList<string> Kpis { get; } = [kpi];

        public async Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now) => [await read()];
    }

    private sealed class SinkLog : IKpiSink
    {
        public List<KpiPair> Pairs { get; } = [];

        public void On(VmId vm, KpiPair pair) => Pairs.Add(pair);
    }

    /// <summary>Sets as they come, looked at one after the other.</summary>
    private sealed class SetLog
    {
        private readonly Channel<KpiSet> _sets = Channel.CreateUnbounded<KpiSet>();

        public void Add(KpiSet set) => _sets.Writer.TryWrite(set);

        public async Task<KpiSet> WaitAsync(Func<KpiSet, bool> isWanted)
        {
            while (true)
            {
                KpiSet set = await _sets.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask()
                    .WaitAsync(s_patience, TestContext.Current.CancellationToken);
                if (isWanted(set)) return set;
            }
        }
    }
}
