using System.Collections.Concurrent;
using Umbra.Agent.Health;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Xunit;

namespace Umbra.Agent.Tests.Health;

public sealed class HealthMonitorTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(20), Long = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_reader_that_hangs_or_throws_keeps_up_no_other()
    {
        using var never = new CancellationTokenSource();
        int hungLooks = 0;
        var hangs = new FakeReader("hangs", TimeSpan.Zero, async _ =>
        {
            Interlocked.Increment(ref hungLooks);
            await Task.Delay(Timeout.Infinite, never.Token); // it does not even listen to its own token
            return ReadOutcome.Silent("");
        });
        var blocks = new FakeReader("blocks", TimeSpan.Zero, _ =>
        {
            never.Token.WaitHandle.WaitOne();
            return Task.FromResult(ReadOutcome.Silent(""));
        });
        var throws = new FakeReader("throws", Long, static _ => throw new FormatException("oh"));
        int looks = 0;
        var good = new FakeReader("good", Long, _ => Task.FromResult(Bad(Interlocked.Increment(ref looks))));
        var told = new BlockingCollection<HealthEvent>();
        var monitor = new HealthMonitor(new HostId("a"), [hangs, blocks, throws, good], TimeProvider.System, told.Add);
        monitor.Start();
        await WaitAsync(() => looks >= 5
            && States(monitor)["hangs"].Reason.Contains("no answer", StringComparison.Ordinal)
            && States(monitor)["blocks"].Reason.Contains("no answer", StringComparison.Ordinal));
        var states = States(monitor);
        Assert.Equal(
            [ReaderState.Stale, ReaderState.Stale, ReaderState.Failed, ReaderState.Ok],
            new[] { "hangs", "blocks", "throws", "good" }.Select(name => states[name].State));
        Assert.Contains("FormatException", states["throws"].Reason, StringComparison.Ordinal);
        Assert.Equal(1, hungLooks);
        Assert.Contains(told, static e => e.Source == "good" && e.Severity == HealthSeverity.Critical);
        Assert.Contains(monitor.Current().Readings, static r => r.Reader == "good");
        await never.CancelAsync();
        await monitor.DisposeAsync();
    }

    [Fact]
    public async Task What_is_told_is_bounded_and_the_worst_is_not_left_out()
    {
        var many = new FakeReader("many", Long, static _ => Task.FromResult(ReadOutcome.Of(new HealthReport(
            [.. Enumerable.Range(0, 1000).Select(i =>
                Reading($"S{i}", i == 999 ? HealthLevel.Critical : HealthLevel.Ok))],
            [], null))));
        await using var monitor = new HealthMonitor(new HostId("a"), [many], TimeProvider.System, static _ => { });
        monitor.Start();
        await WaitAsync(() => monitor.Version > 0);
        HostHealth health = monitor.Current();
        Assert.Equal((HostHealth.ReadingsMax, 1000 - HostHealth.ReadingsMax), (health.Readings.Count, health.Omitted));
        Assert.Equal(HealthLevel.Critical, health.Readings[0].Reading.Level);
    }

    [Fact]
    public async Task What_one_agent_told_of_a_dated_log_the_next_one_does_not()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("umbra-test-").FullName, "told-logs.json");
        try
        {
            var now = TimeProvider.System.GetUtcNow();
            HealthRecord first = Record("1", now.AddMinutes(-2)), second = Record("2", now.AddMinutes(-1));
            Assert.Equal(["1"], await ToldAsync(path, first));
            Assert.Equal(["2"], await ToldAsync(path, first, second));
            Assert.Empty(await ToldAsync(path, first, second));
            await File.WriteAllTextAsync(path, "{\"log\":{\"ids\":null}}", TestContext.Current.CancellationToken);
            Assert.Equal(["1", "2"], await ToldAsync(path, first, second));
            await File.WriteAllTextAsync(path, "[", TestContext.Current.CancellationToken);
            Assert.Equal(["1", "2"], await ToldAsync(path, first, second));
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    [Fact]
    public async Task A_position_that_cannot_be_kept_is_complained_of()
    {
        var complaints = new ConcurrentQueue<string>();
        var told = new ToldLogs("/proc/umbra/told-logs.json", complaints.Enqueue);
        var log = new FakeReader("log", Long, static _ => Task.FromResult(
            ReadOutcome.Of(new HealthReport([], [Record("1", TimeProvider.System.GetUtcNow())], null))))
        { HasDatedLog = true };
        await using var monitor = new HealthMonitor(
            new HostId("a"), [log], TimeProvider.System, static _ => { }, told);
        monitor.Start();
        await WaitAsync(() => !complaints.IsEmpty);
        Assert.Contains("is not kept", complaints.First(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_goes_out_when_it_is_new_and_again_when_it_was_not_received()
    {
        await using var monitor = new HealthMonitor(new HostId("a"), [], TimeProvider.System, static _ => { });
        var time = new ManualClock();
        var post = new HealthPost(monitor, time);
        Assert.NotNull(post.Due());
        Assert.NotNull(post.Due());
        post.Sent();
        Assert.Null(post.Due());
        time.Now += HealthPost.SpacingMax;
        Assert.NotNull(post.Due());
    }

    // What is told of these entries, and not only counted, by an agent that reads them once and ends.
    private static async Task<IEnumerable<string>> ToldAsync(string path, params HealthRecord[] records)
    {
        var happened = new ConcurrentQueue<HealthEvent>();
        int looks = 0;
        var log = new FakeReader("log", Long, _ =>
        {
            Interlocked.Increment(ref looks);
            return Task.FromResult(ReadOutcome.Of(new HealthReport([], records, null)));
        })
        { HasDatedLog = true };
        await using (var monitor = new HealthMonitor(
            new HostId("a"), [log], TimeProvider.System, happened.Enqueue, new ToldLogs(path, Assert.Fail)))
        {
            monitor.Start();
            await WaitAsync(() => looks > 1);
        }

        return happened.Where(static e => !e.WasTold).Select(static e => e.Message);
    }

    private static HealthRecord Record(string id, DateTimeOffset time) => new()
    {
        Id = id, Time = time, Component = "DIMM A1", Kind = ComponentKind.Memory, Severity = HealthSeverity.Warning,
        Message = id,
    };

    private static ReadOutcome Bad(int look) =>
        ReadOutcome.Of(new HealthReport([Reading("x", look > 1 ? HealthLevel.Critical : HealthLevel.Ok)], [], null));

    private static HealthReading Reading(string component, HealthLevel level) => new()
    {
        Component = component, Kind = ComponentKind.Fan, Quantity = "speed", Value = 1, Level = level,
    };

    private static Dictionary<string, ReaderStatus> States(HealthMonitor monitor) =>
        monitor.Current().Readers.ToDictionary(static reader => reader.Name);

    private static async Task WaitAsync(Func<bool> condition)
    {
        for (DateTime end = DateTime.UtcNow + Long; !condition(); await Task.Delay(Short))
            Assert.True(DateTime.UtcNow < end, "what was waited for did not come");
    }

    private sealed class FakeReader(string name, TimeSpan deadline, Func<CancellationToken, Task<ReadOutcome>> read)
        : IHealthReader
    {
        public string Name => name;

        public TimeSpan Period => Short;

        public TimeSpan Deadline => deadline;

        public bool HasDatedLog { get; init; }

        public Task<ReadOutcome> ReadAsync(CancellationToken stop) => read(stop);

        public void Dispose()
        {
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
