using System.Security.Cryptography;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;

namespace Umbra.Controller.Fleet;

/// <content>What people ask about the fleet as a whole and its hosts.</content>
public sealed partial class FleetService
{
    private const int TextForPeopleMax = 500;

    /// <summary>Everything at once.</summary>
    public FleetView View()
    {
        lock (_lock)
        {
            Enter();
            string version = typeof(FleetService).Assembly.GetName().Version?.ToString(3) ?? "";
            return new FleetView(
                version, _started, [.. _fleet.Hosts.Select(host => FleetViews.Of(_fleet, host))],
                [.. _fleet.Vms.Select(vm => FleetViews.Of(_fleet, vm))]);
        }
    }

    /// <summary>One host.</summary>
    public Outcome<HostView> Host(HostId name)
    {
        lock (_lock)
        {
            Enter();
            return _fleet.Host(name) is { } host ? FleetViews.Of(_fleet, host) : NoHost(name);
        }
    }

    /// <summary>Lets nothing new be placed on the host, or again.</summary>
    public Outcome<HostChange> SetCordon(HostId name, string? reason)
    {
        if (reason is { Length: 0 or > TextForPeopleMax }) return Problems.Invalid("a reason has 1-500 characters");
        lock (_lock)
        {
            Enter();
            if (_fleet.Host(name) is not { } host) return NoHost(name);
            bool changed = (reason is null) != (host.Record.Cordon is null);
            if (changed)
            {
                var record = host.Record with { Cordon = reason };
                Keep(new FleetChange
                {
                    Hosts = [record],
                    Events =
                    [
                        Event(
                            reason is null ? "host.uncordoned" : "host.cordoned", null, name,
                            reason ?? "it may be used again"),
                    ],
                });
                host.Record = record;
                foreach (var vm in _fleet.Vms) _unsettled.Add(vm.Name);
                Settle();
            }

            return new HostChange(changed, FleetViews.Of(_fleet, host));
        }
    }

    /// <summary>Strikes a host off. Its agent is not listened to any more; its shadows go elsewhere.</summary>
    public Outcome<HostView> Forget(HostId name)
    {
        lock (_lock)
        {
            Enter();
            if (_fleet.Host(name) is not { } host) return NoHost(name);
            var primaries = _fleet.VmsOn(name).Where(vm => vm.Primary == name && !vm.Deleting).ToList();
            if (primaries.Count > 0) return Problems.Refused(
                $"{name} runs {string.Join(", ", primaries.Select(static vm => vm.Name))}",
                "swap or take over these VMs to other hosts, or delete them, first");
            var view = FleetViews.Of(_fleet, host);
            var writes = _fleet.VmsOn(name).Select(vm => new VmWrite(Without(vm, name), vm.Ownership)).ToList();
            Keep(new FleetChange
            {
                Vms = writes, DeletedHosts = [name],
                Events = [Event("host.forgotten", null, name, "it was struck off")],
            });
            _fleet.Remove(name);
            if (_sessions.Remove(name, out var session)) session.Changed.Pulse();
            Settle();
            return view;
        }
    }

    /// <summary>Makes a join token.</summary>
    public Outcome<TokenReply> CreateToken(TokenRequest request)
    {
        if (request.ValidFor < TimeSpan.FromMinutes(1) || request.ValidFor > TimeSpan.FromDays(30))
            return Problems.Invalid("a token is valid for one minute to 30 days");
        if (request.Uses is < 1 or > 1000) return Problems.Invalid("a token has 1 to 1000 uses");
        string secret = RandomNumberGenerator.GetHexString(48, lowercase: true);
        var expires = _time.GetUtcNow() + request.ValidFor;
        lock (_lock)
        {
            _store.AddToken(new TokenRecord(HashOf(secret), expires, request.Uses));
            Record(Event("token.created", null, null, $"a join token for {request.Uses} hosts, until {expires:u}"));
        }

        return new TokenReply(
            new JoinToken(AdvertiseUrl, _authority.Fingerprint, secret).Format(), expires, request.Uses);
    }

    /// <summary>Events after <paramref name="since"/>; waits for one when there is none yet.</summary>
    public async Task<EventPage> EventsAsync(long since, int limit, TimeSpan wait, CancellationToken stop)
    {
        long began = _time.GetTimestamp();
        while (true)
        {
            var next = _changed.Next;
            var page = _store.ReadEvents(since, limit);
            var left = wait - _time.GetElapsedTime(began);
            if (page.Events.Count > 0 || !await Signal.WaitAsync(next, left, _time, stop).ConfigureAwait(false))
                return page;
        }
    }

    private static VmRecord Without(VmRecord vm, HostId host)
    {
        if (vm.Shadow == host) vm = vm.WithoutShadow();
        if (vm.Action?.Target == host)
        {
            vm = vm.WithResult(new VmActionResult
            {
                Id = vm.Action.Action.Id, Succeeded = false, Detail = $"{host} was struck off",
            });
        }

        return vm.WithoutRemains(host);
    }

    private static ApiProblem NoHost(HostId name) =>
        Problems.NotFound($"the fleet has no host {name}", "'umbra host list' names them");

    private static ApiProblem NoVm(VmId name) =>
        Problems.NotFound($"the fleet has no VM {name}", "'umbra vm list' names them");
}
