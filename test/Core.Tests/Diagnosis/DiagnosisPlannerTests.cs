using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Health;
using Umbra.Core.Placement;
using Umbra.Core.Sensors;
using Umbra.Core.Swap;
using Umbra.Core.Tests.Placement;
using Xunit;

namespace Umbra.Core.Tests.Diagnosis;

/// <summary>A diagnosis from the decision over the swap and the examination to its end.</summary>
public sealed class DiagnosisPlannerTests
{
    private const string Id = "suspect-1-1";
    private static readonly HostId A = new("a");
    private static readonly VmPlace Place = new() { Cpus = "0-1", Nodes = "0", Directory = "/srv" };

    private readonly FleetBuilder _fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a", "b");

    private FleetState Fleet => _fleet.Fleet;

    [Fact]
    public void A_report_waits_for_the_examination_and_for_late_events()
    {
        var record = Examining();
        Assert.Equal((DiagnosisState.Examining, null), (record.State, record.Completed));
        Assert.NotNull(record.SwapEnded);
        Assert.Equal([new ExaminationRequest(Id, new VmId("v"), Place)], DiagnosisPlanner.RequestsTo(A, [record]));
        Assert.Empty(DiagnosisPlanner.RequestsTo(new HostId("b"), [record]));
        Assert.Null(Step(record, DiagnosisPlanner.LateEventsTime));

        var told = Step(record, TimeSpan.FromSeconds(15), Result(5))!;
        Assert.Equal("diagnosis.examined", told.Event!.Kind);
        Assert.Equal(DiagnosisState.Examining, told.Record.State);
        Assert.Empty(DiagnosisPlanner.RequestsTo(A, [told.Record]));
        Assert.Null(Step(told.Record, DiagnosisPlanner.LateEventsTime - TimeSpan.FromTicks(1)));

        var whole = Step(told.Record, DiagnosisPlanner.LateEventsTime)!;
        Assert.Equal("diagnosis.completed", whole.Event!.Kind);
        Assert.Equal(DiagnosisState.Completed, whole.Record.State);
        Assert.Equal(_fleet.UtcNow, whole.Record.Completed);
        Assert.Equal("", whole.Record.ExaminationReason);
        Assert.Equal("scrubs", whole.Record.MemoryScrub);
        Assert.Null(Step(whole.Record, TimeSpan.FromDays(1)));
    }

    [Fact]
    public void A_result_of_another_diagnosis_is_not_taken()
    {
        Assert.Null(Step(Examining(), TimeSpan.FromSeconds(15), Result(5) with { Id = "suspect-1-2" }));
    }

    [Fact]
    public void A_host_that_is_dead_ends_the_examination_by_the_clock_with_the_reason()
    {
        var record = Examining();
        Fleet.AdvanceTo(Fleet.Now + DiagnosisPlanner.ExaminationTime);
        Assert.Null(Step(record, DiagnosisPlanner.ExaminationTime - TimeSpan.FromTicks(1)));
        var ended = Step(record, DiagnosisPlanner.ExaminationTime)!.Record;
        Assert.Equal(DiagnosisState.Completed, ended.State);
        Assert.Equal("a is silent: its agent was not heard for 60 s", ended.ExaminationReason);
        Assert.Contains(ended.Evidence, static seen => seen.Text.Contains("not run again: a is silent"));
        Assert.Equal("not available", ended.MemoryScrub);
    }

    [Fact]
    public void An_agent_that_is_heard_and_brings_no_result_is_named_as_the_reason()
    {
        var record = Examining();
        Assert.Equal(
            "the agent of a brought no result within 60 s",
            Step(record, DiagnosisPlanner.ExaminationTime)!.Record.ExaminationReason);
        _fleet.Report("a", Status(VmRole.Primary, 1));
        string copy = Step(record, DiagnosisPlanner.ExaminationTime)!.Record.ExaminationReason;
        Assert.StartsWith("the VM's copy is not gone from a", copy, StringComparison.Ordinal);
        Fleet.Remove(A);
        Assert.Equal(
            "a is no host of the fleet any more",
            Step(record, DiagnosisPlanner.ExaminationTime)!.Record.ExaminationReason);
    }

    [Fact]
    public void Where_nobody_knows_the_place_only_late_events_are_waited_for()
    {
        var record = Examining() with { Place = null };
        Assert.Empty(DiagnosisPlanner.RequestsTo(A, [record]));
        var ended = Step(record, DiagnosisPlanner.LateEventsTime)!.Record;
        Assert.Equal("its agent had not told where the VM ran there", ended.ExaminationReason);
    }

    [Fact]
    public void A_late_event_joins_and_may_change_the_suspect_and_is_told_once()
    {
        var record = Examining();
        Assert.Equal("drives", record.Suspect!.Component);
        var late = SuspectRankingTests.Event("sda", ComponentKind.Drive) with { Time = _fleet.UtcNow.AddSeconds(9) };
        Fleet.Host(A)!.Report(Fleet.Now, new HostHealth { Events = [late] });
        var joined = Step(record, TimeSpan.FromSeconds(10))!;
        Assert.Null(joined.Event);
        Assert.Equal(("sda", DiagnosisState.Examining), (joined.Record.Suspect!.Component, joined.Record.State));
        Assert.Equal([late], joined.Record.Events);
        Assert.Null(Step(joined.Record, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void A_host_with_ever_new_events_keeps_the_last_and_settles()
    {
        var record = Examining();
        HealthEvent[] many =
        [
            .. Enumerable.Range(0, HostHealth.EventsMax).Select(i =>
                SuspectRankingTests.Event($"sd{i}", ComponentKind.Drive) with { Time = _fleet.UtcNow.AddSeconds(i) }),
        ];
        Fleet.Host(A)!.Report(Fleet.Now, new HostHealth { Events = many });
        record = Step(record, TimeSpan.Zero)!.Record;
        var older = SuspectRankingTests.Event("old", ComponentKind.Drive) with { Time = _fleet.UtcNow.AddSeconds(-9) };
        Fleet.Host(A)!.Report(Fleet.Now, new HostHealth { Events = [older, .. many] });
        Assert.Null(Step(record, TimeSpan.Zero));
        Assert.Equal(HostHealth.EventsMax, record.Events.Count);
    }

    [Fact]
    public void Time_alone_does_not_change_the_suspect()
    {
        // Fresh, the event outweighs the drift of another family; an hour later it would not.
        var critical = SuspectRankingTests.Event("DIMM A1", ComponentKind.Memory) with { Time = _fleet.UtcNow };
        Fleet.Host(A)!.Report(Fleet.Now, new HostHealth { Events = [critical] });
        var record = Examining(
            SuspectRankingTests.Drift((KpiNames.MemoryLatency, 0.2, 60), (KpiNames.DiskFlush, 1, 60)));
        var before = record.Candidates;
        _fleet.ClockSet = TimeSpan.FromHours(5);
        Fleet.AdvanceTo(Fleet.Now + TimeSpan.FromMinutes(1));
        var ended = Step(record, DiagnosisPlanner.ExaminationTime)!.Record;
        Assert.Equal(before, ended.Candidates);
        Assert.NotEqual(
            before, SuspectRanking.Rank(record.Drift, record.Events, _fleet.UtcNow));
    }

    [Fact]
    public void What_the_canaries_say_moves_the_confidence()
    {
        var record = Examining();
        Assert.Equal(0.67, record.Suspect!.Confidence, 2);
        var still = Step(record, TimeSpan.FromSeconds(15), Result(5))!.Record;
        Assert.Equal(0.8, still.Suspect!.Confidence, 2);
        Assert.Contains("still so without the VM", still.Suspect.Reason);
        Assert.DoesNotContain("as usual again", still.NextStep);
        var gone = Step(record, TimeSpan.FromSeconds(15), Result(0.3))!.Record;
        Assert.Equal(0.5, gone.Suspect!.Confidence, 2);
        Assert.StartsWith("It is as usual again without the VM", gone.NextStep, StringComparison.Ordinal);
        Assert.Contains(gone.Evidence, static seen => seen is { Source: "examination" }
            && seen.Text.EndsWith("the cause left with the VM or was load", StringComparison.Ordinal));
    }

    [Fact]
    public void A_host_is_asked_for_no_more_examinations_at_once_than_it_may_be()
    {
        DiagnosisRecord[] open =
        [
            .. Enumerable.Range(0, ExaminationRequest.AtOnceMax + 2)
                .Select(i => Examining() with { Id = $"d{i}", Decided = _fleet.UtcNow.AddSeconds(-i) }),
        ];
        var asked = DiagnosisPlanner.RequestsTo(A, open);
        Assert.Equal(ExaminationRequest.AtOnceMax, asked.Count);
        Assert.Equal($"d{open.Length - 1}", asked[0].Id);
    }

    private static Examination Result(double median) => new()
    {
        Id = Id, Began = FleetBuilder.Start, Ended = FleetBuilder.Start, Memory = "scrubs",
        Kpis = [new ExaminedKpi { Kpi = "disk.latency", Looks = 10, Low = median, Median = median, High = median }],
    };

    private static VmStatus Status(VmRole role, ulong generation) => new()
    {
        Vm = new VmId("v"), Role = role, Generation = new Generation(generation),
        Guest = role == VmRole.Primary ? GuestState.Running : GuestState.Standby,
        Place = role == VmRole.Primary ? Place : null,
    };

    private DiagnosisChange? Step(DiagnosisRecord record, TimeSpan age, params Examination[] told) =>
        DiagnosisPlanner.Examine(Fleet, record, age, told, _fleet.UtcNow);

    // Through both ends of a swap by a person's word, with the drift that the shadow's agent tells of.
    private DiagnosisRecord Examining(DriftStatus? drift = null)
    {
        var kpi = SuspectRankingTests.Drift((KpiNames.DiskLatency, 1, 60)).Kpis[0];
        drift ??= new DriftStatus { Kpis = [kpi with { PrimaryUsual = new UsualRange(0.2, 0.3, 0.9) }] };
        _fleet.Report("a", Status(VmRole.Primary, 1)).Report("b", Status(VmRole.Shadow, 1) with { Drift = drift });
        var vm = _fleet.Record();
        var action = new VmAction(Id, VmActionKind.Swap, "it drifts") { Suspect = true };
        var moving = vm with
        {
            Action = new PendingAction(action, A, vm.Ownership.Generation, _fleet.UtcNow),
        };
        var open = DiagnosisPlanner.Follow(Fleet, vm, moving, null, _fleet.UtcNow)!.Record;
        _fleet.Report("a");
        var moved = moving with
        {
            Action = null,
            Shadow = null,
            Ownership = new Ownership(new Generation(2), new HostId("b"), Id),
        };
        return DiagnosisPlanner.Follow(Fleet, moving, moved, open, _fleet.UtcNow)!.Record;
    }
}
