using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Umbra.Controller.Security;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Placement;

namespace Umbra.Controller.Fleet;

/// <summary>
/// The fleet as the controller runs it: state in memory under one lock, every change first in the store. What to do is
/// decided by the planners in Core; here it is kept, told to the agents and recorded.
/// </summary>
public sealed partial class FleetService : IDisposable
{
    /// <summary>How often time alone is a reason to look at every VM.</summary>
    public static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(250);

    // A VM's plan settles in two or three steps; more is a planner that goes round in circles.
    private const int StepsMax = 16;

    private readonly Lock _lock = new();
    private readonly FleetState _fleet = new();
    private readonly Dictionary<HostId, HostSession> _sessions = [];
    private readonly Dictionary<VmId, ProtectionState> _lastProtection = [];
    private readonly HashSet<VmId> _unsettled = [];
    private readonly Signal _changed = new();
    private readonly IFleetStore _store;
    private readonly FleetAuthority _authority;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly long _startStamp;
    private readonly DateTimeOffset _started;
    private readonly ITimer _timer;

    /// <summary>Takes up the fleet as the store has it.</summary>
    public FleetService(IFleetStore store, FleetAuthority authority, TimeProvider time, ILogger<FleetService> log)
    {
        (_store, _authority, _time, _log) = (store, authority, time, log);
        _startStamp = time.GetTimestamp();
        _started = time.GetUtcNow();
        var records = store.Load();
        foreach (var host in records.Hosts) Add(host);
        foreach (var vm in records.Vms)
        {
            _fleet.Put(vm);
            _unsettled.Add(vm.Name);
        }

        foreach (var diagnosis in store.ReadDiagnoses()) Follow(diagnosis);
        log.FleetLoaded(records.Hosts.Count, records.Vms.Count);
        _timer = time.CreateTimer(_ => Tick(), null, TickInterval, TickInterval);
    }

    /// <summary>The URL that join tokens carry; set once it is known where the controller listens.</summary>
    public string AdvertiseUrl { get; set; } = "";

    /// <summary>The fleet CA's certificate, PEM: public.</summary>
    public string AuthorityPem => _authority.CertificatePem;

    /// <summary>What time brings: silences, timeouts, takeovers.</summary>
    public void Tick()
    {
        lock (_lock)
        {
            try
            {
                Enter();
                WatchHosts();
                foreach (var vm in _fleet.Vms) _unsettled.Add(vm.Name);
                Settle();
                Examine(null, []);
            }
            catch (Exception exception)
            {
                // A full disk, say: what was not kept did not happen, and the next tick tries again.
                _log.TickFailed(exception);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Enter() => _fleet.AdvanceTo(_time.GetElapsedTime(_startStamp));

    private HostState Add(HostRecord record)
    {
        var host = new HostState(record, _fleet.Now);
        _fleet.Put(host);
        _sessions[record.Name] = new HostSession();
        return host;
    }

    private FleetEvent Event(string kind, VmId? vm, HostId? host, string text) => new()
    {
        Time = _time.GetUtcNow(), Kind = kind, Vm = vm, Host = host, Text = text,
    };

    // The store first: what it refuses did not happen.
    private void Keep(FleetChange change)
    {
        change = WithDiagnoses(change);
        bool kept = _store.Commit(change);
        Invariant.Holds(kept, "nobody else writes to the store");
        foreach (var write in change.Vms) Replace(write.Vm);
        foreach (var vm in change.DeletedVms)
        {
            Touch(_fleet.Vm(vm));
            _fleet.Remove(vm);
            _lastProtection.Remove(vm);
        }

        foreach (var diagnosis in change.Diagnoses) Follow(diagnosis);
        foreach (string id in change.DroppedDiagnoses) _diagnoses.Remove(id);
        foreach (var entry in change.Events) Log(entry);
        _changed.Pulse();
    }

    private void Keep(VmRecord vm, params FleetEvent[] events) =>
        Keep(new FleetChange { Vms = [new VmWrite(vm, _fleet.Vm(vm.Name)?.Ownership)], Events = events });

    private void Record(params FleetEvent[] events)
    {
        if (events.Length > 0) Keep(new FleetChange { Events = events });
    }

    private void Replace(VmRecord vm)
    {
        Touch(_fleet.Vm(vm.Name));
        _fleet.Put(vm);
        Touch(vm);
        _unsettled.Add(vm.Name);
    }

    private void Touch(VmRecord? vm)
    {
        if (vm is null) return;
        foreach (var host in FleetState.HostsOf(vm)) Touch(host);
        if (vm.Action is { } pending) Touch(pending.Target);
    }

    private void Touch(HostId host)
    {
        if (!_sessions.TryGetValue(host, out var session)) return;
        session.Answer = null;
        session.Changed.Pulse();
    }

    private void Settle()
    {
        while (_unsettled.Count > 0)
        {
            var name = _unsettled.First();
            for (int step = 0; _fleet.Vm(name) is { } vm; step++)
            {
                Invariant.Holds(step < StepsMax, $"the plan of {name} settles");
                var plan = FleetPlanner.Step(_fleet, vm, _time.GetUtcNow());
                if (plan.ChangesNothingOf(vm)) break;
                Carry(vm, plan);
            }

            _unsettled.Remove(name);
            WatchProtection(name);
            WatchDecision(name);
        }
    }

    private void Carry(IEnumerable<VmPlan> plans)
    {
        foreach (var plan in plans) Carry(_fleet.Vm(plan.Vm.Name)!, plan);
    }

    private void Carry(VmRecord vm, VmPlan plan)
    {
        FleetEvent[] events =
            [.. plan.Events.Select(planned => Event(planned.Kind, vm.Name, planned.Host, planned.Text))];
        var cordoned = plan.Cordon is { } cordon ? _fleet.Host(cordon.Host) : null;
        var record = cordoned is null ? null : cordoned.Record with { Cordon = plan.Cordon!.Reason };
        HostRecord[] hosts = record is null ? [] : [record];
        Keep(plan.Gone
            ? new FleetChange { DeletedVms = [vm.Name], Events = events }
            : new FleetChange { Vms = [new VmWrite(plan.Vm, vm.Ownership)], Hosts = hosts, Events = events });
        if (record is not null) cordoned!.Record = record;
    }

    private void WatchHosts()
    {
        foreach (var host in _fleet.Hosts)
        {
            var session = _sessions[host.Name];
            bool alive = host.IsAlive(_fleet.Now);
            if (alive == session.WasAlive) continue;
            session.WasAlive = alive;
            // Old copies are kept while those who would do without them are silent.
            foreach (var vm in _fleet.VmsOn(host.Name).Where(static vm => vm.Remains.Count > 0)) Touch(vm);
            Record(alive
                ? Event("host.heard", null, host.Name, "its agent is heard")
                : Event("host.silent", null, host.Name,
                    $"its agent is not heard for {host.Clock.Silence(_fleet.Now).TotalSeconds:0} s"));
        }
    }

    private void WatchProtection(VmId name)
    {
        if (_fleet.Vm(name) is not { } vm) return;
        var state = FleetViews.StateOf(_fleet, vm);
        if (_lastProtection.TryGetValue(name, out var last) && last == state) return;
        _lastProtection[name] = state;
        string reason = FleetViews.ProtectionOf(_fleet, vm).Reason;
        Record(Event($"vm.{state.ToString().ToLowerInvariant()}", name, null, reason));
    }

    private HeartbeatAnswer AnswerFor(HostId host)
    {
        var session = _sessions[host];
        return session.Answer ??= Compute(host);
    }

    // The revision is a digest of what is told, so that a controller that starts anew gives the same one for the same.
    private HeartbeatAnswer Compute(HostId host)
    {
        var (assignments, removed) = AssignmentPlanner.For(_fleet, host);
        var answer = new HeartbeatAnswer(AssignmentPlanner.ChangesOf(_fleet, host), assignments, removed)
        {
            Examinations = DiagnosisPlanner.RequestsTo(host, _diagnoses.Values.Select(static open => open.Record)),
        };
        byte[] digest = SHA256.HashData(FleetJson.Serialize(answer));
        long revision = BinaryPrimitives.ReadInt64LittleEndian(digest) & long.MaxValue;
        return answer with { Revision = Math.Max(1, revision) };
    }

    private void Log(FleetEvent entry) =>
        _log.FleetEvent(entry.Kind, entry.Vm?.Value ?? "-", entry.Host?.Value ?? "-", entry.Text);
}
