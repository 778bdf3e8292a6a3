using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Core.Placement;

namespace Umbra.Core.Diagnosis;

/// <summary>
/// Follows swaps by suspicion: what speaks against the old host is taken down when the swap begins, since nobody
/// watches the pair any more once it is dissolved. When the VM has left, the host is examined without it and may tell
/// what it noticed late; then, or when it has not answered for long, the report is completed.
/// </summary>
/// <remarks>
/// Suspects are ranked as of the decision throughout: what is added may change the suspect, the mere passing of time
/// may not.
/// </remarks>
public static class DiagnosisPlanner
{
    /// <summary>
    /// For so long after the swap health events still join: a BMC's log is read once in 30 s, the kernel's more often.
    /// </summary>
    public static readonly TimeSpan LateEventsTime = TimeSpan.FromSeconds(35);

    /// <summary>So long after the swap the report is completed with what there is: its host may be dead.</summary>
    public static readonly TimeSpan ExaminationTime = TimeSpan.FromSeconds(60);

    /// <summary>What the change of a VM's record means for its diagnosis; null: nothing.</summary>
    /// <param name="fleet">The fleet before the change.</param>
    /// <param name="before">The VM as it stands in the fleet; null: it is new.</param>
    /// <param name="after">The VM from now on.</param>
    /// <param name="open">The diagnosis of the swap that was under way; null: none.</param>
    /// <param name="utcNow">Wall-clock time, for the record.</param>
    public static DiagnosisChange? Follow(
        FleetState fleet, VmRecord? before, VmRecord after, DiagnosisRecord? open, DateTimeOffset utcNow)
    {
        if (before is null || before.Action?.Action.Id == after.Action?.Action.Id) return null;
        if (open is not null && before.Action?.Action.Id == open.Id) return End(fleet, open, after, utcNow);
        return after.Action is { Action: { Kind: VmActionKind.Swap, Suspect: true } } pending
            ? Start(fleet, before, pending, utcNow)
            : null;
    }

    /// <summary>
    /// What the old host has told, and the time that has passed, mean for its examination; null: nothing.
    /// </summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="open">A diagnosis that is not complete.</param>
    /// <param name="age">How long it has been examining, by a clock that nobody sets.</param>
    /// <param name="told">Results that the old host's agent has just told; empty: none.</param>
    /// <param name="utcNow">Wall-clock time, for the record.</param>
    public static DiagnosisChange? Examine(
        FleetState fleet, DiagnosisRecord open, TimeSpan age, IReadOnlyList<Examination> told, DateTimeOffset utcNow)
    {
        if (open.State != DiagnosisState.Examining) return null;
        var record = open;
        var result = open.Examination is null ? told.FirstOrDefault(one => one.Id == open.Id) : null;
        if (result is not null) record = With(record, result);
        bool heard = record.Examination is not null || record.Place is null;
        if (age >= ExaminationTime || (heard && age >= LateEventsTime))
        {
            return Complete(Conclude(WithHealth(record, fleet) with
            {
                State = DiagnosisState.Completed,
                Completed = utcNow,
                ExaminationReason = record.Examination is null ? WhyNotExamined(fleet, record) : "",
            }));
        }

        if (HasNewEvents(record, fleet)) record = WithHealth(record, fleet);
        if (ReferenceEquals(record, open)) return null;
        return new DiagnosisChange(Conclude(record), Dropped: false, result is null ? null : new PlannedEvent(
            "diagnosis.examined", record.OldHost,
            $"{record.Id}: the canaries of {record.OldHost} were run again after {record.Vm} had left"));
    }

    /// <summary>The examinations that the host is asked for, those of the oldest diagnoses first.</summary>
    public static IReadOnlyList<ExaminationRequest> RequestsTo(HostId host, IEnumerable<DiagnosisRecord> open) =>
    [
        .. open.Where(record => record.OldHost == host
                && record is { State: DiagnosisState.Examining, Examination: null, Place: not null })
            .OrderBy(static record => record.Decided).ThenBy(static record => record.Id, StringComparer.Ordinal)
            .Take(ExaminationRequest.AtOnceMax)
            .Select(static record => new ExaminationRequest(record.Id, record.Vm, record.Place!)),
    ];

    private static DiagnosisChange Start(
        FleetState fleet, VmRecord vm, PendingAction pending, DateTimeOffset utcNow)
    {
        var view = SuspicionPlanner.View(fleet, vm, utcNow);
        var record = new DiagnosisRecord
        {
            Id = pending.Action.Id,
            Vm = vm.Name,
            OldHost = pending.Target,
            NewHost = vm.Shadow,
            State = DiagnosisState.Swapping,
            Decided = pending.Started,
            Reason = pending.Action.Reason,
            NextStep = "Wait for the end of the swap.",
            Drift = view.Drift,
            Place = fleet.StatusOn(vm.Primary, vm.Name)?.Place,
            KpiSeries = fleet.Kpis.SeriesOf(vm, fleet.Now),
            Kpis = vm.Shadow is { } shadow ? fleet.StatusOn(shadow, vm.Name)?.Kpis : null,
            History = [.. view.History.TakeLast(DiagnosisRecord.HistoryMax)],
        };
        record = Conclude(WithHealth(record, fleet));
        return new DiagnosisChange(record, Dropped: false, new PlannedEvent(
            "diagnosis.started", record.OldHost, $"{record.Id}: {Describe(record)}"));
    }

    private static DiagnosisChange End(
        FleetState fleet, DiagnosisRecord open, VmRecord vm, DateTimeOffset utcNow)
    {
        var result = vm.History.LastOrDefault(done => done.Pending.Action.Id == open.Id)?.Result;
        string detail = result?.Detail ?? "the VM is being deleted";
        if (vm.Primary == open.OldHost)
        {
            return new DiagnosisChange(open, Dropped: true, new PlannedEvent(
                "diagnosis.dropped", open.OldHost, $"{open.Id}: {vm.Name} has not left {open.OldHost}: {detail}"));
        }

        var ended = Conclude(WithHealth(open, fleet) with
        {
            NewHost = vm.Primary,
            State = DiagnosisState.Examining,
            SwapEnded = utcNow,
            SwapResult = detail,
        });
        return new DiagnosisChange(ended, Dropped: false, new PlannedEvent(
            "diagnosis.examining", ended.OldHost, $"{ended.Id}: {Describe(ended)}; {ended.OldHost} is examined"));
    }

    private static DiagnosisChange Complete(DiagnosisRecord record) => new(record, Dropped: false, new PlannedEvent(
        "diagnosis.completed", record.OldHost,
        $"{record.Id}: {Describe(record)}; 'umbra diagnosis show {record.Id}' has the report"));

    private static DiagnosisRecord With(DiagnosisRecord record, Examination result) => record with
    {
        Examination = result,
        MemoryScrub = result.Memory == "" ? record.MemoryScrub : result.Memory,
    };

    private static string WhyNotExamined(FleetState fleet, DiagnosisRecord record)
    {
        if (record.Place is null) return "its agent had not told where the VM ran there";
        if (fleet.Host(record.OldHost) is not { } host) return $"{record.OldHost} is no host of the fleet any more";
        if (!host.IsAlive(fleet.Now))
        {
            string since = host.Heard
                ? $"for {host.Clock.Silence(fleet.Now).TotalSeconds:0} s"
                : "since the controller started";
            return $"{record.OldHost} is silent: its agent was not heard {since}";
        }

        return fleet.StatusOn(record.OldHost, record.Vm) is { Role: not VmRole.None } copy
            ? $"the VM's copy is not gone from {record.OldHost}: {copy.Reason}"
            : $"the agent of {record.OldHost} brought no result within {ExaminationTime.TotalSeconds:0} s";
    }

    private static bool HasNewEvents(DiagnosisRecord record, FleetState fleet) =>
        fleet.Host(record.OldHost)?.Health is { } health && health.Events.Except(record.Events).Any(entry =>
            record.Events.Count < HostHealth.EventsMax || entry.Time > record.Events[0].Time);

    // A controller that has just started has heard of no hardware yet: what was kept stays then.
    private static DiagnosisRecord WithHealth(DiagnosisRecord record, FleetState fleet)
    {
        if (fleet.Host(record.OldHost)?.Health is not { } health) return record;
        return record with
        {
            Events =
            [
                .. record.Events.Union(health.Events).OrderBy(static entry => entry.Time)
                    .TakeLast(HostHealth.EventsMax),
            ],
            Readings =
            [
                .. health.Readings.Where(static r => r.Reading.Level >= HealthLevel.Warning)
                    .OrderByDescending(static r => r.Reading.Level).Take(DiagnosisRecord.ReadingsMax),
            ],
            Readers = health.Readers,
        };
    }

    private static DiagnosisRecord Conclude(DiagnosisRecord record)
    {
        var comparisons = EmptyHostRule.Compare(record);
        var candidates = SuspectRanking.Rank(record.Drift, record.Events, record.Decided, comparisons);
        bool moving = record.State == DiagnosisState.Swapping;
        return record with
        {
            Comparisons = comparisons,
            Candidates = candidates,
            Onset = candidates.Min(static candidate => candidate.Onset),
            Evidence = EvidenceOf(record, comparisons),
            NextStep = moving
                ? record.NextStep
                : NextSteps.For(candidates.Count > 0 ? candidates[0] : null, record.OldHost, comparisons),
        };
    }

    private static DiagnosisEvidence[] EvidenceOf(
        DiagnosisRecord record, IReadOnlyList<KpiComparison> comparisons)
    {
        var drifts = SuspectRanking.Against(record.Drift).Select(kpi => new DiagnosisEvidence(
            kpi.Onset ?? record.Decided, "drift",
            string.Create(CultureInfo.InvariantCulture, $"{kpi.Kpi}, score {kpi.Score:0.00}: {kpi.Explanation}")));
        var events = record.Events.Where(static entry => entry is
        { Kind: not ComponentKind.Reader, Severity: not HealthSeverity.Info })
            .Select(static entry => new DiagnosisEvidence(
                entry.Time, entry.Source, $"{entry.Component}: {entry.Message}"));
        IEnumerable<DiagnosisEvidence> decided = [new(record.Decided, "decision", record.Reason)];
        var examined = comparisons
            .Where(static one => one.Drifted || one.Finding == EmptyHostFinding.WorseOnlyNow)
            .Select(one => new DiagnosisEvidence(
                record.Examination!.Ended, "examination", EmptyHostRule.Describe(one)));
        IEnumerable<DiagnosisEvidence> missing = record is { ExaminationReason.Length: > 0, Completed: { } completed }
            ? [new(completed, "examination", $"the canaries were not run again: {record.ExaminationReason}")]
            : [];
        return
        [
            .. drifts.Concat(events).Concat(decided).Concat(examined).Concat(missing)
                .OrderBy(static entry => entry.Time),
        ];
    }

    private static string Describe(DiagnosisRecord record) => record.Suspect is { } suspect
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"suspect of {record.OldHost} is {suspect.Component} ({suspect.Family}), confidence "
            + $"{suspect.Confidence:0.00}")
        : $"no part of {record.OldHost} is suspected";
}
