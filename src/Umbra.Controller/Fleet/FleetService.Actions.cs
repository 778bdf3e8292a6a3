using System.Security.Cryptography;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;

namespace Umbra.Controller.Fleet;

/// <content>Things to do once: sync, swap, takeover.</content>
public sealed partial class FleetService
{
    /// <summary>Begins a sync, a swap or its rehearsal.</summary>
    public Outcome<ActionView> BeginAction(VmId name, ActionRequest request)
    {
        if (request.Kind is not (
            VmActionKind.Sync or VmActionKind.Swap or VmActionKind.SwapRehearsal or VmActionKind.Verify))
            return Problems.Invalid("the kind must be sync, verify, swap or swapRehearsal");
        if (request.Suspect && request.Kind != VmActionKind.Swap)
            return Problems.Invalid("only a swap can be for suspicion");
        if (request.Reason.Length is 0 or > TextForPeopleMax) return Problems.Invalid("a reason has 1-500 characters");
        lock (_lock)
        {
            Enter();
            if (_fleet.Vm(name) is not { } vm) return NoVm(name);
            if (WhyBusy(vm) is { } busy) return busy;
            if (WhyNoAction(vm, request.Kind) is { } reason)
                return Problems.Refused(reason, $"'umbra status {name}' shows the whole state");
            var next = WithAction(vm, request.Kind, vm.Primary, request.Reason, request.Suspect);
            return Begin(next, Event(
                $"{ActionPlanner.EventName(request.Kind)}.started", name, vm.Primary, request.Reason));
        }
    }

    /// <summary>Begins a takeover, if the primary can be proven to be off.</summary>
    public Outcome<ActionView> BeginTakeover(VmId name, TakeoverRequest request) =>
        BeginTakeover(name, request, poweredOff: null);

    private Outcome<ActionView> BeginTakeover(VmId name, TakeoverRequest request, HostId? poweredOff)
    {
        if (request.Reason.Length is 0 or > TextForPeopleMax) return Problems.Invalid("a reason has 1-500 characters");
        lock (_lock)
        {
            Enter();
            if (_fleet.Vm(name) is not { } vm) return NoVm(name);
            if (WhyBusy(vm) is { } busy) return busy;
            if (vm.Deleting) return Problems.Refused($"{name} is being deleted");
            if (request.ConfirmedOff is { } typed && typed != vm.Primary)
                return Problems.Refused($"the primary of {name} is on {vm.Primary}, not on {typed}");
            var verdict = TakeoverPlanner.MayTry(_fleet, vm, request.ConfirmedOff, poweredOff);
            if (!verdict.Allowed) return Problems.Refused(
                "nothing proves that the primary is off: " + string.Join("; ", verdict.Reasons),
                $"if you know that the host {vm.Primary} is off, say so: --confirm-off {vm.Primary}");
            var plan = TakeoverPlanner.Begin(
                vm, NewId(), request.Reason, verdict.Proof!.Value, request.ConfirmedOff, _time.GetUtcNow());
            return Begin(
                plan.Vm, [.. plan.Events.Select(planned => Event(planned.Kind, name, planned.Host, planned.Text))]);
        }
    }

    /// <summary>An action; waits for its result when it is under way.</summary>
    public async Task<Outcome<ActionView>> ActionAsync(VmId name, string id, TimeSpan wait, CancellationToken stop)
    {
        long began = _time.GetTimestamp();
        while (true)
        {
            var next = _changed.Next;
            lock (_lock)
            {
                Enter();
                if (_fleet.Vm(name) is not { } vm) return NoVm(name);
                if (FleetViews.Action(vm, id) is not { } action)
                    return Problems.NotFound($"{name} has no action {id}, or it ended long ago");
                if (action.Result is not null || wait - _time.GetElapsedTime(began) <= TimeSpan.Zero) return action;
            }

            await Signal.WaitAsync(next, wait - _time.GetElapsedTime(began), _time, stop).ConfigureAwait(false);
        }
    }

    private ActionView Begin(VmRecord vm, params FleetEvent[] events)
    {
        string id = TakeoverPlanner.PublicId(vm.Action!.Action.Id);
        Keep(vm, events);
        Settle();
        return FleetViews.Action(_fleet.Vm(vm.Name)!, id)!;
    }

    private VmRecord WithAction(VmRecord vm, VmActionKind kind, HostId target, string reason, bool suspect = false) =>
        vm with
        {
            Action = new PendingAction(
                new VmAction(NewId(), kind, reason) { Suspect = suspect }, target, vm.Ownership.Generation,
                _time.GetUtcNow()),
        };

    private static ApiProblem? WhyBusy(VmRecord vm) => vm.Action is { } pending
        ? Problems.Refused(
            $"a {ActionPlanner.EventName(pending.Action.Kind)} is under way since {pending.Started:u}",
            "wait for its end")
        : null;

    private string? WhyNoAction(VmRecord vm, VmActionKind kind)
    {
        if (vm.Deleting) return $"{vm.Name} is being deleted";
        if (vm.Power != DesiredPower.Running) return $"{vm.Name} is turned off";
        var checks = SwapChecks.Of(_fleet, vm);
        // A rehearsal is to find all that is missing; it only has to be able to ask.
        return SwapChecks.WhyNot(kind == VmActionKind.Swap ? checks : checks.Take(1));
    }

    private static string NewId() => RandomNumberGenerator.GetHexString(16, lowercase: true);
}
