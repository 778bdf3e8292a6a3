using System.Text;
using Umbra.Controller.Bmc;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health.Ipmi;
using Umbra.Core.Placement;

namespace Umbra.Controller.Fleet;

/// <content>Hosts' BMCs: how they are reached, and turning a host off as the proof for a takeover.</content>
public sealed partial class FleetService
{
    /// <summary>Keeps how the host's BMC is reached; null: forgets it.</summary>
    public Outcome<HostHealthView> SetBmc(HostId name, BmcRequest? request)
    {
        if (request is not null && WhyInvalid(request) is { } problem) return problem;
        lock (_lock)
        {
            Enter();
            if (_fleet.Host(name) is not { } host) return NoHost(name);
            var access = request is null ? null : new BmcAccess(request.Address, request.Password);
            var record = host.Record with { Bmc = access };
            Keep(new FleetChange
            {
                Hosts = [record],
                Events =
                [
                    Event("host.bmc", null, name, access is null
                        ? "the controller cannot turn it off any more"
                        : $"the controller can turn it off through {access.Address}"),
                ],
            });
            host.Record = record;
        }

        return HealthOf(name);
    }

    /// <summary>Begins a takeover; first turns the primary's host off where that is asked for.</summary>
    public async Task<Outcome<ActionView>> TakeoverAsync(
        VmId name, TakeoverRequest request, BmcPower power, CancellationToken stop)
    {
        if (!request.PowerOff) return BeginTakeover(name, request);
        var ready = WhoIsToBeOff(name, request);
        if (ready.Value is not { } host) return ready.Problem!;
        lock (_lock) Record(Event("host.power-off", name, host.Name, $"to be turned off: {Cut(request.Reason)}"));
        PowerProof proof = await power.TurnOffAsync(host.Bmc!, stop).ConfigureAwait(false);
        lock (_lock) Record(Event(proof.IsOff ? "host.off" : "host.power-unknown", name, host.Name, proof.Text));
        if (!proof.IsOff) return Problems.Refused(
            $"{host.Name} is not proven to be off: {proof.Text}",
            $"if you know that it is off, say so: --confirm-off {host.Name}");
        return BeginTakeover(name, request, poweredOff: host.Name);
    }

    // Nothing is turned off for a takeover that could not be: everything but the proof must be there.
    private Outcome<HostRecord> WhoIsToBeOff(VmId name, TakeoverRequest request)
    {
        if (request.ConfirmedOff is not null)
            return Problems.Invalid("a takeover goes by the BMC's word or by a person's, not both");
        lock (_lock)
        {
            Enter();
            if (_fleet.Vm(name) is not { } vm) return NoVm(name);
            if (WhyBusy(vm) is { } busy) return busy;
            if (vm.Deleting) return Problems.Refused($"{name} is being deleted");
            if (_fleet.Host(vm.Primary) is not { } host) return NoHost(vm.Primary);
            if (host.IsAlive(_fleet.Now)) return Problems.Refused(
                $"the agent of {host.Name} is heard: the host is not turned off", $"'umbra swap {name}' moves the VM");
            if (host.Record.Bmc is null) return Problems.Refused(
                $"the controller does not know the BMC of {host.Name}",
                $"'umbra host set-bmc {host.Name}' tells it, or say that it is off: --confirm-off {host.Name}");
            var verdict = TakeoverPlanner.MayTry(_fleet, vm, null, poweredOff: host.Name);
            return verdict.Allowed ? host.Record : Problems.Refused(string.Join("; ", verdict.Reasons));
        }
    }

    private static ApiProblem? WhyInvalid(BmcRequest request)
    {
        if (IpmiEndpoint.TryParse(request.Address, out string error) is null) return Problems.Invalid(error);
        return Encoding.UTF8.GetByteCount(request.Password) is 0 or > BmcAccess.PasswordBytesMax
            || request.Password.Any(char.IsControl)
            ? Problems.Invalid($"a password of IPMI has 1-{BmcAccess.PasswordBytesMax} bytes")
            : null;
    }
}
