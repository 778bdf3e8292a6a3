using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Health;
using Xunit;

namespace Umbra.Core.Tests.Decisions;

/// <summary>Drift and hardware events weighed together.</summary>
public sealed class SuspicionRuleTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    [Fact]
    public void Without_drift_and_events_there_is_nothing() =>
        Assert.Equal(Suspicion.None, SuspicionRule.Weigh(null, DriftSide.Primary, [], Now));

    [Fact]
    public void Drift_alone_weighs_its_score_against_its_own_side_only()
    {
        var drift = Drift("disk.latency", 1.1, DriftSide.Primary);
        var primary = SuspicionRule.Weigh(drift, DriftSide.Primary, [], Now);
        Assert.Equal(1.1, primary.Weight, 6);
        Assert.Contains("disk.latency is up", primary.Explanation);
        Assert.Equal(0, SuspicionRule.Weigh(drift, DriftSide.Shadow, [], Now).Weight);
    }

    [Fact]
    public void An_event_that_explains_the_drift_adds_to_it_and_another_one_does_not()
    {
        var drift = Drift("disk.latency", 0.7, DriftSide.Primary);
        var drive = Event("sda", ComponentKind.Drive, HealthSeverity.Critical);
        var fan = Event("FAN1", ComponentKind.Fan, HealthSeverity.Critical);
        var explained = SuspicionRule.Weigh(drift, DriftSide.Primary, [drive], Now);
        Assert.Equal(1.2, explained.Weight, 6);
        Assert.Contains("sda", explained.Explanation);
        Assert.Equal(0.7, SuspicionRule.Weigh(drift, DriftSide.Primary, [fan], Now).Weight, 6);
    }

    [Fact]
    public void One_part_alone_never_amounts_to_a_verdict_however_often_it_is_told_of()
    {
        HealthEvent[] flood =
            [.. Enumerable.Repeat(Event("FAN1", ComponentKind.Fan, HealthSeverity.Critical), 50)];
        Assert.Equal(0.5, SuspicionRule.Weigh(null, DriftSide.Primary, flood, Now).Weight, 6);
    }

    [Fact]
    public void Two_critical_parts_do_and_evidence_decays()
    {
        HealthEvent[] events =
        [
            Event("FAN1", ComponentKind.Fan, HealthSeverity.Critical),
            Event("CPU1 Temp", ComponentKind.Processor, HealthSeverity.Critical),
        ];
        var fresh = SuspicionRule.Weigh(null, DriftSide.Primary, events, Now);
        Assert.Equal(DecisionLimits.SwapWeight, fresh.Weight, 6);
        Assert.Contains("FAN1", fresh.Explanation);
        Assert.Equal(0.5, SuspicionRule.Weigh(null, DriftSide.Primary, events, Now.AddHours(1)).Weight, 6);
    }

    [Fact]
    public void A_hint_is_kept_where_there_is_no_score_yet()
    {
        var drift = Drift("net.latency", 0, DriftSide.Primary, hint: true);
        Assert.True(SuspicionRule.Weigh(drift, DriftSide.Primary, [], Now).Hint);
        Assert.False(SuspicionRule.Weigh(drift, DriftSide.Shadow, [], Now).Hint);
    }

    private static DriftStatus Drift(string kpi, double score, DriftSide side, bool hint = false) => new()
    {
        State = DriftWatchState.Watching, Reason = "every second is weighed",
        Kpis =
        [
            new KpiDrift
            {
                Kpi = kpi, Score = score, Side = side, Hint = hint, Onset = Now.AddMinutes(-1),
                Explanation = $"{kpi} is up",
            },
        ],
    };

    private static HealthEvent Event(string component, ComponentKind kind, HealthSeverity severity) => new()
    {
        Host = new HostId("a"), Component = component, Kind = kind, Severity = severity, Time = Now, Source = "ipmi",
        Message = "failed",
    };
}
