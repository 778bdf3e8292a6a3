using Umbra.Core.Basics;
using Umbra.Core.Health;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class ReaderWatchTests
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10), Deadline = TimeSpan.FromSeconds(5);
    private static readonly HealthReport Good = new(
        [new HealthReading { Component = "x", Kind = ComponentKind.Fan, Quantity = "speed", Value = 1 }], [], null);

    private readonly ReaderWatch _watch = new(new HostId("a"), "ipmi", Period, Deadline);
    private DateTimeOffset _now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_reader_that_has_not_looked_yet_is_stale() =>
        Assert.Equal((ReaderState.Stale, "not read yet; never read"), State());

    [Fact]
    public void Silence_makes_it_stale_and_keeps_its_readings()
    {
        Assert.Empty(_watch.Ended(ReadOutcome.Of(Good), _now, default));
        Assert.Equal(ReaderState.Ok, State().State);
        _now += Period;
        HealthEvent told = Assert.Single(_watch.Ended(ReadOutcome.Silent("the BMC does not answer"), _now, default));
        Assert.Equal((ComponentKind.Reader, HealthSeverity.Warning), (told.Kind, told.Severity));
        Assert.Equal((ReaderState.Stale, "the BMC does not answer; last read 10 s ago"), State());
        Assert.Single(_watch.Readings);
        Assert.Empty(_watch.Ended(ReadOutcome.Silent("the BMC does not answer"), _now, default));
        Assert.Equal(HealthSeverity.Info, Assert.Single(_watch.Ended(ReadOutcome.Of(Good), _now, default)).Severity);
        Assert.Equal((ReaderState.Ok, "1 readings"), State());
    }

    [Fact]
    public void A_refusal_is_a_failure_with_its_reason()
    {
        Assert.Single(_watch.Ended(ReadOutcome.Failed("the BMC refuses the password"), _now, default));
        Assert.Equal((ReaderState.Failed, "the BMC refuses the password; never read"), State());
        Assert.Single(_watch.Ended(ReadOutcome.Failed("the user's privilege is too low"), _now, default));
    }

    [Fact]
    public void A_look_that_never_ends_makes_it_stale_all_the_same()
    {
        _watch.Ended(ReadOutcome.Of(Good), _now, default);
        _now += (ReaderWatch.PeriodsMax * Period) + Deadline;
        Assert.Equal(ReaderState.Ok, State().State);
        _now += TimeSpan.FromSeconds(1);
        Assert.Equal(ReaderState.Stale, State().State);
    }

    private (ReaderState State, string Reason) State() => (_watch.Status(_now).State, _watch.Status(_now).Reason);
}
