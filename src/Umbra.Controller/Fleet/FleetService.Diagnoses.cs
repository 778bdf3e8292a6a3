using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Diagnosis;

namespace Umbra.Controller.Fleet;

/// <content>What became known of hosts that VMs left on suspicion.</content>
public sealed partial class FleetService
{
    // Those that are not complete, by their ids.
    private readonly Dictionary<string, DiagnosisRecord> _diagnoses = new(StringComparer.Ordinal);

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
            var open = before?.Action is { } pending ? _diagnoses.GetValueOrDefault(pending.Action.Id) : null;
            if (DiagnosisPlanner.Follow(_fleet, before, write.Vm, open, _time.GetUtcNow()) is { } followed)
                change = With(change, followed);
        }

        return change;
    }

    private FleetChange With(FleetChange change, DiagnosisChange followed)
    {
        var record = followed.Record;
        FleetEvent entry = Event(followed.Event.Kind, record.Vm, followed.Event.Host, followed.Event.Text);
        return followed.Dropped
            ? change with
            {
                DroppedDiagnoses = [.. change.DroppedDiagnoses, record.Id],
                Events = [.. change.Events, entry],
            }
            : change with { Diagnoses = [.. change.Diagnoses, record], Events = [.. change.Events, entry] };
    }

    private void Follow(DiagnosisRecord record)
    {
        if (record.State == DiagnosisState.Completed) _diagnoses.Remove(record.Id);
        else _diagnoses[record.Id] = record;
    }
}
