using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Drift;
using Umbra.Core.Health;
using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Diagnosis;

public sealed class SuspectRankingTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 1, 10, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(KpiNames.CpuWork, ComponentFamily.Processor)]
    [InlineData(KpiNames.MemoryLatency, ComponentFamily.Memory)]
    [InlineData(KpiNames.DiskLatency, ComponentFamily.Drive)]
    [InlineData(KpiNames.DiskFlush, ComponentFamily.Drive)]
    [InlineData(KpiNames.NetLatency, ComponentFamily.Network)]
    [InlineData(KpiNames.NetLoss, ComponentFamily.Network)]
    public void Drift_of_one_KPI_alone_names_its_family_and_leaves_room_for_the_unknown(
        string kpi, ComponentFamily family)
    {
        var suspect = Assert.Single(SuspectRanking.Rank(Drift((kpi, 1, 60)), [], Now));
        Assert.Equal(family, suspect.Family);
        Assert.Equal(2 / 3.0, suspect.Confidence, 6);
        Assert.Equal(Now.AddSeconds(-60), suspect.Onset);
    }

    [Fact]
    public void Waiting_for_a_CPU_speaks_against_no_part()
    {
        Assert.Empty(SuspectRanking.Rank(Drift((KpiNames.CpuWait, 2, 120)), [], Now));
        var ranked = SuspectRanking.Rank(Drift((KpiNames.CpuWait, 2, 120), (KpiNames.DiskLatency, 1, 60)), [], Now);
        Assert.Equal(ComponentFamily.Drive, Assert.Single(ranked).Family);
    }

    [Fact]
    public void Of_several_families_the_first_to_drift_leads()
    {
        var ranked = SuspectRanking.Rank(Drift((KpiNames.CpuWork, 1, 600), (KpiNames.MemoryLatency, 1.5, 60)), [], Now);
        Assert.Equal(ComponentFamily.Processor, ranked[0].Family);
    }

    [Fact]
    public void Of_families_that_began_together_the_highest_score_leads()
    {
        var ranked = SuspectRanking.Rank(Drift((KpiNames.CpuWork, 1, 60), (KpiNames.MemoryLatency, 1.5, 60)), [], Now);
        Assert.Equal(ComponentFamily.Memory, ranked[0].Family);
    }

    [Fact]
    public void A_hint_that_is_still_there_without_the_VM_does_not_outrank_the_verdict()
    {
        KpiComparison[] after =
            [new() { Kpi = KpiNames.DiskFlush, Finding = EmptyHostFinding.StillWorse, Reading = "worse" }];
        var hint = SuspectRanking.Rank(
            Drift((KpiNames.CpuWork, 1.02, 60), (KpiNames.DiskFlush, 0.53, 60)), [], Now, after);
        Assert.Equal(ComponentFamily.Processor, hint[0].Family);
        var both = SuspectRanking.Rank(Drift((KpiNames.CpuWork, 1.3, 60), (KpiNames.DiskFlush, 1, 60)), [], Now, after);
        Assert.Equal(ComponentFamily.Drive, both[0].Family);
    }

    [Fact]
    public void A_matching_event_names_the_part_and_raises_the_confidence()
    {
        var drift = Drift((KpiNames.CpuWork, 1, 60));
        var alone = SuspectRanking.Rank(drift, [], Now)[0];
        var suspect = SuspectRanking.Rank(drift, [Event("FAN 2", ComponentKind.Fan)], Now)[0];
        Assert.Equal(("FAN 2", ComponentKind.Fan), (suspect.Component, suspect.Kind));
        Assert.True(suspect.Confidence > alone.Confidence);
    }

    [Fact]
    public void Events_alone_name_the_heaviest_part()
    {
        HealthEvent[] events =
        [
            Event("eno1", ComponentKind.Network, HealthSeverity.Warning), Event("DIMM A1", ComponentKind.Memory),
            Event("smart", ComponentKind.Reader),
        ];
        var ranked = SuspectRanking.Rank(null, events, Now);
        Assert.Equal(["DIMM A1", "eno1"], ranked.Select(static c => c.Component));
        Assert.Equal([0.6, 0.2], ranked.Select(static c => Math.Round(c.Confidence, 6)));
    }

    [Fact]
    public void An_event_that_explains_no_drifting_KPI_does_not_outrank_the_drift()
    {
        var ranked = SuspectRanking.Rank(
            Drift((KpiNames.DiskLatency, 1, 60)), [Event("FAN 2", ComponentKind.Fan)], Now);
        Assert.Equal(ComponentFamily.Drive, ranked[0].Family);
    }

    [Fact]
    public void Drift_against_the_shadow_or_of_what_the_guest_does_says_nothing()
    {
        var drift = new DriftStatus
        {
            Kpis =
            [
                new KpiDrift { Kpi = KpiNames.DiskLatency, Score = 2, Side = DriftSide.Shadow, Onset = Now },
                new KpiDrift { Kpi = KpiNames.SyncPause, Score = 2, Side = DriftSide.Primary, Onset = Now },
            ],
        };
        Assert.Empty(SuspectRanking.Rank(drift, [], Now));
    }

    internal static DriftStatus Drift(params (string Kpi, double Score, int Ago)[] kpis) => new()
    {
        State = DriftWatchState.Watching,
        Reason = "every second is weighed",
        Kpis =
        [
            .. kpis.Select(static kpi => new KpiDrift
            {
                Kpi = kpi.Kpi, Score = kpi.Score, Side = DriftSide.Primary, Onset = Now.AddSeconds(-kpi.Ago),
                Explanation = $"{kpi.Kpi} is up",
            }),
        ],
    };

    internal static HealthEvent Event(
        string component, ComponentKind kind, HealthSeverity severity = HealthSeverity.Critical)
    {
        return new HealthEvent
        {
            Host = new HostId("a"),
            Component = component,
            Kind = kind,
            Severity = severity,
            Time = Now,
            Source = "edac",
            Message = "it fails",
        };
    }
}
