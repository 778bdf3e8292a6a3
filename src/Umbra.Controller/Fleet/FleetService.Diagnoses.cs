using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;

namespace Umbra.Controller.Fleet;

/// <content>What became known of hosts that VMs left on suspicion.</content>
public sealed partial class FleetService
{
    // Those that are not complete, by their ids, each with the time at which it came into its state: for this
    // controller, as no clock that nobody sets outlives it.
    private readonly Dictionary<string, (DiagnosisRecord Record, TimeSpan Since)> _diagnoses =
        new(StringComparer.Ordinal);

    /// <summary>The diagnoses that are kept, newest first.</summary>
    public DiagnosisList Diagnoses() => new([.. _store.ReadDiagnoses().Select(DiagnosisSummary.Of)]);

    /// <summary>One diagnosis.</summary>
    public Outcome<DiagnosisRecord> Diagnosis(string id) => _store.ReadDiagnosis(id) is { } record
        ? record
        : Problems.NotFound(
            $"there is no diagnosis {id}, or it is too old", "'umbra diagnosis list' names those that are kept");

    // In the transaction that begins or ends the swap: neither is ever kept without the other.
    private FleetChange WithDiagnoses(FleetChange change)
    {
        foreach (var write in change.Vms)
        {
            var before = _fleet.Vm(write.Vm.Name);
            var open = before?.Action is { } pending ? _diagnoses.GetValueOrDefault(pending.Action.Id).Record : null;
            if (DiagnosisPlanner.Follow(_fleet, before, write.Vm, open, _time.GetUtcNow()) is { } followed)
                change = With(change, followed);
        }

        return change;
    }

    private FleetChange With(FleetChange change, DiagnosisChange followed)
    {
        var record = followed.Record;
        if (followed.Event is { } planned)
        {
            FleetEvent entry = Event(planned.Kind, record.Vm, planned.Host, planned.Text);
            change = change with { Events = [.. change.Events, entry] };
        }

        return followed.Dropped
            ? change with { DroppedDiagnoses = [.. change.DroppedDiagnoses, record.Id] }
            : change with { Diagnoses = [.. change.Diagnoses, record] };
    }

    private void Follow(DiagnosisRecord record)
    {
        if (record.State == DiagnosisState.Completed) _diagnoses.Remove(record.Id);
        else
        {
            bool known = _diagnoses.TryGetValue(record.Id, out var last) && last.Record.State == record.State;
            _diagnoses[record.Id] = (record, known ? last.Since : _fleet.Now);
        }

        Touch(record.OldHost);
    }

    // What a host has told, or with none what time alone brings. A result that was told is kept before it is asked for
    // no more.
    private void Examine(HostId? host, IReadOnlyList<Examination> told)
    {
        var change = new FleetChange();
        foreach (var (record, since) in _diagnoses.Values)
        {
            if (host is { } one && record.OldHost != one) continue;
            if (DiagnosisPlanner.Examine(_fleet, record, _fleet.Now - since, told, _time.GetUtcNow()) is { } changed)
                change = With(change, changed);
        }

        if (change.Diagnoses.Count > 0) Keep(change);
    }

    private static ApiProblem? WhyInvalid(IReadOnlyList<Examination> examinations) =>
        examinations.Count <= ExaminationRequest.AtOnceMax
        && examinations.All(static one => one is not null && one.IsWithinLimits())
            ? null
            : Problems.Invalid(
                $"a heartbeat carries at most {ExaminationRequest.AtOnceMax} examinations, each of at most "
                + $"{Examination.KpisMax} KPIs with names and texts of at most {Examination.TextLengthMax} characters");
}
