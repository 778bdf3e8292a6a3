using Umbra.Core.Basics;
using Umbra.Core.Health;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class HealthCorrelationTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly HealthEvent BadDimm = Event("DIMM A1", ComponentKind.Memory, HealthSeverity.Critical, 5);
    private static readonly HealthEvent LoudFan = Event("FAN 2", ComponentKind.Fan, HealthSeverity.Warning, 5);

    [Theory]
    [InlineData("memory.latency", "DIMM A1")]
    [InlineData("cpu.work", "FAN 2")]
    [InlineData("disk.flush", "sda")]
    [InlineData("net.loss", "eno1")]
    public void Drift_names_the_part_that_matches_its_kpi(string kpi, string component)
    {
        HealthEvent[] events =
        [
            Event("DIMM A1", ComponentKind.Memory, HealthSeverity.Warning, 5), LoudFan,
            Event("sda", ComponentKind.Drive, HealthSeverity.Warning, 5),
            Event("eno1", ComponentKind.Network, HealthSeverity.Warning, 5),
        ];
        HealthVerdict verdict = Weigh(kpi, events);
        Assert.Equal(component, verdict.Suspect?.Component);
        Assert.InRange(verdict.Suspect!.Confidence, 0.4, 0.6);
        Assert.Single(verdict.Suspect.Evidence);
    }

    [Fact]
    public void Drift_without_a_matching_event_stays_unexplained()
    {
        HealthVerdict verdict = Weigh("net.latency", BadDimm);
        Assert.Null(verdict.Suspect);
        Assert.Contains("unexplained", verdict.Explanation, StringComparison.Ordinal);
        Assert.Equal(1, Weigh("net.latency").HazardFactor);
    }

    [Fact]
    public void An_event_without_drift_raises_the_hazard_less_than_with_it()
    {
        double alone = HealthCorrelation.Weigh([BadDimm], null, Now).HazardFactor;
        double matched = Weigh("memory.latency", BadDimm).HazardFactor;
        Assert.InRange(alone, 3, 4);
        Assert.True(matched > 5 * alone, $"{matched} against {alone}");
        Assert.InRange(Weigh("memory.latency", [.. Enumerable.Repeat(BadDimm, 100)]).HazardFactor, 100, 100);
    }

    [Fact]
    public void Agreeing_events_make_it_surer_and_age_makes_it_less_sure()
    {
        double one = Weigh("memory.latency", BadDimm).Suspect!.Confidence;
        double two = Weigh("memory.latency", BadDimm, BadDimm).Suspect!.Confidence;
        double old = Weigh("memory.latency", BadDimm with { Time = Now.AddHours(-3) }).Suspect!.Confidence;
        Assert.True(old < one && one < two, $"{old} {one} {two}");
        Assert.Null(Weigh("memory.latency", BadDimm with { Time = Now.AddDays(-2) }).Suspect);
    }

    [Fact]
    public void A_blind_reader_is_no_evidence_and_neither_is_a_recovery()
    {
        HealthVerdict verdict = Weigh("cpu.work",
            Event("ipmi", ComponentKind.Reader, HealthSeverity.Warning, 1),
            Event("FAN 2", ComponentKind.Fan, HealthSeverity.Info, 1));
        Assert.Null(verdict.Suspect);
        Assert.Equal(1, verdict.HazardFactor);
    }

    [Fact]
    public void An_unusable_score_adds_nothing() =>
        Assert.Equal(
            HealthCorrelation.Weigh([LoudFan], null, Now).HazardFactor,
            HealthCorrelation.Weigh([LoudFan], new DriftFinding("cpu.work", Now, double.NaN), Now).HazardFactor);

    private static HealthVerdict Weigh(string kpi, params HealthEvent[] events) =>
        HealthCorrelation.Weigh(events, new DriftFinding(kpi, Now.AddMinutes(-4), 1), Now);

    private static HealthEvent Event(string component, ComponentKind kind, HealthSeverity severity, int minutesAgo) =>
        new()
        {
            Host = new HostId("a"), Component = component, Kind = kind, Severity = severity,
            Time = Now.AddMinutes(-minutesAgo), Source = "test", Message = "something happened",
        };
}
