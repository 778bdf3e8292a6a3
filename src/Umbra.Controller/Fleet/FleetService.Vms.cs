using System.Security.Cryptography;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Policy;
using Umbra.Core.Swap;

namespace Umbra.Controller.Fleet;

/// <content>What people ask about VMs.</content>
public sealed partial class FleetService
{
    /// <summary>One VM.</summary>
    public Outcome<VmView> Vm(VmId name)
    {
        lock (_lock)
        {
            Enter();
            return _fleet.Vm(name) is { } vm ? FleetViews.Of(_fleet, vm) : NoVm(name);
        }
    }

    /// <summary>Creates a VM; the same request again changes nothing.</summary>
    public Outcome<VmChange> Create(CreateVmRequest request)
    {
        var errors = VmRules.Check(request.Definition).Concat(PolicyRules.Check(request.Policy)).ToList();
        if (errors.Count > 0) return Problems.Invalid(errors);
        lock (_lock)
        {
            Enter();
            string digest = DigestOf(request);
            if (WhatExists(request.Definition.Name, digest) is { } existing) return existing;
            var choice = ChoosePrimary(request);
            if (choice.Host is not { } host) return Problems.Refused("no host can run it: " + choice.Explain());
            return Begin(
                new VmRecord
                {
                    Definition = request.Definition,
                    Policy = request.Policy,
                    Ownership = new Ownership(new Generation(1), host, "create"),
                    Power = request.Power,
                    RequestDigest = digest,
                },
                $"it was created on {host}");
        }
    }

    /// <summary>Takes over a running VM that Umbra did not start; the same request again changes nothing.</summary>
    public Outcome<VmChange> Attach(AttachVmRequest request)
    {
        var errors = PolicyRules.Check(request.Policy).ToList();
        if (request.Target.ProcessId < 1) errors.Add("the process id must be above zero");
        foreach (string? path in new[] { request.Target.QmpPath, request.Target.SecondQmpPath })
        {
            if (path is not null && (!path.StartsWith('/') || path.Length > 107))
                errors.Add($"a QMP socket is an absolute path of at most 107 characters, not '{path}'");
        }

        if (errors.Count > 0) return Problems.Invalid(errors);
        lock (_lock)
        {
            Enter();
            string digest = DigestOf(request);
            // A refused attach has taken nothing over: asked for again, perhaps with another process, it begins anew.
            bool isAgain = IsRefusedAttach(request.Name, request.Host, digest);
            if (!isAgain && WhatExists(request.Name, digest) is { } existing) return existing;
            if (_fleet.Host(request.Host) is not { } host) return NoHost(request.Host);
            if (!host.IsAlive(_fleet.Now)) return Problems.Refused($"the agent of {request.Host} is not heard");
            return Begin(
                new VmRecord
                {
                    Definition = new VmDefinition { Name = request.Name, IsForeign = true },
                    DefinitionKnown = false,
                    Changes = (_fleet.Vm(request.Name)?.Changes ?? 0) + 1,
                    Policy = request.Policy,
                    Ownership = new Ownership(new Generation(1), request.Host, "attach"),
                    Attach = request.Target,
                    RequestDigest = digest,
                },
                $"it is taken over on {request.Host}, process {request.Target.ProcessId}");
        }
    }

    private bool IsRefusedAttach(VmId name, HostId host, string digest) =>
        _fleet.Vm(name) is { DefinitionKnown: false, Deleting: false, Action: null } vm && vm.Primary == host
        && vm.RequestDigest != digest && _fleet.StatusOn(host, name) is { Refusals.Count: > 0 };

    /// <summary>Turns it on or off.</summary>
    public Outcome<VmChange> SetPower(VmId name, DesiredPower power) => Change(name, vm =>
    {
        if (vm.Power == power)
        {
            return power == DesiredPower.Running && IsOff(vm)
                ? Problems.Refused("it has ended by itself", $"run 'umbra vm stop {name}' and start it again")
                : vm;
        }

        if (WhyBusy(vm) is { } busy) return busy;
        return vm with { Power = power, Changes = vm.Changes + 1 };
    }, power == DesiredPower.Running ? "vm.starting" : "vm.stopping", "an operator asked for it");

    private bool IsOff(VmRecord vm) =>
        _fleet.StatusOn(vm.Primary, vm.Name) is { Guest: GuestState.ShutDown or GuestState.Dead };

    /// <summary>Protects it in another way, or not at all.</summary>
    public Outcome<VmChange> SetPolicy(VmId name, ProtectionPolicy policy)
    {
        var errors = PolicyRules.Check(policy);
        if (errors.Count > 0) return Problems.Invalid(errors);
        return Change(name, vm =>
        {
            if (vm.Policy == policy) return vm;
            // An action under way counts on the pair, and on its replication, as they are.
            if (vm.Policy.Enabled != policy.Enabled && WhyBusy(vm) is { } busy) return busy;
            return vm.WithPolicy(policy);
        }, policy.Enabled ? "vm.protect" : "vm.unprotect", "its policy was set");
    }

    /// <summary>Adds devices; those that it has already are left as they are.</summary>
    public Outcome<VmChange> Plug(VmId name, PlugRequest request) => Change(name, vm =>
    {
        var missing = new PlugRequest
        {
            Disks = [.. request.Disks.Where(disk => !vm.Definition.Disks.Any(has => IsSame(has, disk)))],
            Nics = [.. request.Nics.Where(nic => !vm.Definition.Nics.Any(has => IsSame(has, nic)))],
        };
        if (request.Disks.Count + request.Nics.Count > 0 && missing.Disks.Count + missing.Nics.Count == 0) return vm;
        if (!vm.DefinitionKnown) return Problems.Refused($"{vm.Primary} has not looked at the attached VM yet");
        if (WhyBusy(vm) is { } busy) return busy;
        var errors = VmRules.CheckPlug(vm.Definition, missing);
        if (errors.Count > 0) return Problems.Invalid(errors);
        var next = vm with { Definition = VmRules.WithPlugged(vm.Definition, missing), Changes = vm.Changes + 1 };
        return vm.Power == DesiredPower.Running
            ? WithAction(next, VmActionKind.Plug, vm.Primary, "devices were added")
            : next;
    }, "vm.plugging", "devices are added");

    /// <summary>Deletes it and everything of it on every host.</summary>
    public Outcome<VmChange> Delete(VmId name, bool force) => Change(name, vm =>
    {
        if (vm.Deleting) return vm;
        var guest = FleetViews.Of(_fleet, vm).Guest;
        bool off = vm.Power == DesiredPower.Stopped
            && guest is GuestState.Absent or GuestState.ShutDown or GuestState.Dead;
        return off || force
            ? vm.ForDeletion()
            : Problems.Refused($"{vm.Name} is not off", $"run 'umbra vm stop {vm.Name}' first, or delete with --force");
    }, "vm.deleting", "it and its disks are destroyed on every host");

    private Outcome<VmChange> Change(
        VmId name, Func<VmRecord, Outcome<VmRecord>> change, string kind, string text)
    {
        lock (_lock)
        {
            Enter();
            if (_fleet.Vm(name) is not { } vm) return NoVm(name);
            var outcome = vm.Deleting && kind != "vm.deleting"
                ? Problems.Refused($"{name} is being deleted")
                : change(vm);
            if (outcome.Value is not { } next) return outcome.Problem!;
            if (ReferenceEquals(next, vm)) return new VmChange(false, FleetViews.Of(_fleet, vm));
            Keep(next, Event(kind, name, null, text));
            Settle();
            // A VM that was nowhere is gone by now: it is shown as it went.
            return new VmChange(true, FleetViews.Of(_fleet, _fleet.Vm(name) ?? next));
        }
    }

    private Outcome<VmChange> Begin(VmRecord vm, string text)
    {
        Keep(vm, Event("vm.created", vm.Name, vm.Primary, text));
        Settle();
        return new VmChange(true, FleetViews.Of(_fleet, _fleet.Vm(vm.Name)!));
    }

    private Outcome<VmChange>? WhatExists(VmId name, string digest)
    {
        if (_fleet.Vm(name) is not { } existing) return null;
        if (existing.Deleting) return Problems.Refused($"a VM {name} is still being deleted", "wait until it is gone");
        return existing.RequestDigest == digest
            ? new VmChange(false, FleetViews.Of(_fleet, existing))
            : Problems.Refused(
                $"there is a VM {name} already, and it was asked for differently",
                "change it with 'umbra protect' or 'umbra vm plug', or delete it first");
    }

    private PlacementChoice ChoosePrimary(CreateVmRequest request)
    {
        if (request.Host is not { } name)
            return HostPlacement.ChoosePrimary(_fleet, request.Definition, _time.GetUtcNow());
        string? reason = _fleet.Host(name) is { } host
            ? HostPlacement.WhyNotPrimary(_fleet, host, request.Definition)
            : "is not a host of the fleet";
        return reason is null
            ? new PlacementChoice(name, [], static () => [])
            : new PlacementChoice(null, [], () => [new HostRefusal(name, reason)]);
    }

    private static string DigestOf<T>(T request) =>
        Convert.ToHexStringLower(SHA256.HashData(FleetJson.Serialize(request)));

    private static bool IsSame(DiskDefinition has, DiskDefinition disk) =>
        has with { Address = disk.Address, Bus = disk.Bus } == disk;

    private static bool IsSame(NicDefinition has, NicDefinition nic) =>
        has with { Address = nic.Address, Bus = nic.Bus } == nic;
}
