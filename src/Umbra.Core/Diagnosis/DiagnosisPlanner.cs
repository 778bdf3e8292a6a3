using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Health;
using Umbra.Core.Placement;

namespace Umbra.Core.Diagnosis;

/// <summary>
/// Follows swaps by suspicion: what speaks against the old host is taken down when the swap begins, since nobody
/// watches the pair any more once it is dissolved, and completed when the VM has left.
/// </summary>
public static class DiagnosisPlanner
{
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
            Kpis = vm.Shadow is { } shadow ? fleet.StatusOn(shadow, vm.Name)?.Kpis : null,
            History = [.. view.History.TakeLast(DiagnosisRecord.HistoryMax)],
        };
        record = Conclude(WithHealth(record, fleet), utcNow);
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

        var ended = WithHealth(open, fleet) with
        {
            NewHost = vm.Primary,
            State = DiagnosisState.Completed,
            SwapEnded = utcNow,
            SwapResult = detail,
            Completed = utcNow,
        };
        return Complete(Conclude(ended, utcNow));
    }

    private static DiagnosisChange Complete(DiagnosisRecord record) => new(record, Dropped: false, new PlannedEvent(
        "diagnosis.completed", record.OldHost,
        $"{record.Id}: {Describe(record)}; 'umbra diagnosis show {record.Id}' has the report"));

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

    private static DiagnosisRecord Conclude(DiagnosisRecord record, DateTimeOffset utcNow)
    {
        var candidates = SuspectRanking.Rank(record.Drift, record.Events, utcNow);
        bool moving = record.State == DiagnosisState.Swapping;
        return record with
        {
            Candidates = candidates,
            Onset = candidates.Min(static candidate => candidate.Onset),
            Evidence = EvidenceOf(record),
            NextStep = moving
                ? record.NextStep
                : NextSteps.For(candidates.Count > 0 ? candidates[0] : null, record.OldHost),
        };
    }

    private static DiagnosisEvidence[] EvidenceOf(DiagnosisRecord record)
    {
        var drifts = SuspectRanking.Against(record.Drift).Select(kpi => new DiagnosisEvidence(
            kpi.Onset ?? record.Decided, "drift",
            string.Create(CultureInfo.InvariantCulture, $"{kpi.Kpi}, score {kpi.Score:0.00}: {kpi.Explanation}")));
        var events = record.Events.Where(static entry => entry is
        { Kind: not ComponentKind.Reader, Severity: not HealthSeverity.Info })
            .Select(static entry => new DiagnosisEvidence(
                entry.Time, entry.Source, $"{entry.Component}: {entry.Message}"));
        IEnumerable<DiagnosisEvidence> decided = [new(record.Decided, "decision", record.Reason)];
        return [.. drifts.Concat(events).Concat(decided).OrderBy(static entry => entry.Time)];
    }

    private static string Describe(DiagnosisRecord record) => record.Suspect is { } suspect
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"suspect of {record.OldHost} is {suspect.Component} ({suspect.Family}), confidence "
            + $"{suspect.Confidence:0.00}")
        : $"no part of {record.OldHost} is suspected";
}
