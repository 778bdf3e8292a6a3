using System.Security.Cryptography;
using System.Text;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;

namespace Umbra.Controller.Fleet;

/// <content>What agents ask: to join, to report and be told, to claim.</content>
public sealed partial class FleetService
{
    /// <summary>Most VMs, and most events, that one heartbeat may carry.</summary>
    public const int HeartbeatItemsMax = 4096;

    /// <summary>Longest text that is kept of an agent, characters; the rest is cut off.</summary>
    public const int TextMax = 2000;

    /// <summary>Lets a host into the fleet by its token and signs its certificate.</summary>
    public Outcome<JoinReply> Join(JoinRequest request)
    {
        using var certificate = _authority.SignHost(request.Host, request.CertificateRequest, out string error);
        if (certificate is null) return Problems.Invalid(error);
        lock (_lock)
        {
            Enter();
            string key = FleetCertificates.KeyFingerprint(certificate);
            var known = _fleet.Host(request.Host)?.Record;
            string secret = HashOf(request.Token);
            var use = _store.UseToken(secret, _time.GetUtcNow(), take: false);
            // A host whose answer was lost asks again with the same key: its one use is spent already.
            bool again = known?.KeyFingerprint == key && use is (TokenUse.Accepted or TokenUse.UsedUp);
            if (use != TokenUse.Accepted && !again) return RefuseJoin(request.Host, Problems.Forbidden(
                Describe(use), "make a new token with 'umbra host token'"));
            if (known is not null && !again) return RefuseJoin(request.Host, Problems.Refused(
                $"a host called {request.Host} has joined already, with another key",
                $"if it was set up anew, run 'umbra host forget {request.Host}' first; "
                + "else give this host another name"));
            if (!again) _store.UseToken(secret, _time.GetUtcNow(), take: true);
            var record = known ?? new HostRecord
            {
                Name = request.Host, KeyFingerprint = key, Joined = _time.GetUtcNow(),
            };
            Keep(new FleetChange
            {
                Hosts = [record], Events = [Event("host.joined", null, request.Host, "it joined the fleet")],
            });
            if (known is null) Add(record);
            return new JoinReply(certificate.ExportCertificatePem(), _authority.CertificatePem);
        }
    }

    /// <summary>
    /// Whether <paramref name="keyFingerprint"/> is the key of a host that belongs to the fleet; else why not.
    /// </summary>
    public ApiProblem? WhyNotHost(HostId host, string keyFingerprint)
    {
        lock (_lock)
        {
            return _fleet.Host(host)?.Record.KeyFingerprint == keyFingerprint
                ? null
                : Problems.Forbidden(
                    $"the fleet knows no host {host} with this key", "join again with a token from 'umbra host token'");
        }
    }

    /// <summary>Takes a report and answers with what the host should have, at once or when there is news.</summary>
    public async Task<Outcome<HeartbeatAnswer>> HeartbeatAsync(
        HostId caller, AgentHeartbeat heartbeat, CancellationToken stop)
    {
        if (WhyInvalid(caller, heartbeat) is { } problem) return problem;
        long began = _time.GetTimestamp();
        lock (_lock) Accept(caller, heartbeat);
        while (true)
        {
            HeartbeatAnswer answer;
            Task news;
            lock (_lock)
            {
                if (!_sessions.TryGetValue(caller, out var session))
                    return Problems.Forbidden($"the fleet knows no host {caller} any more");
                (answer, news) = (AnswerFor(caller), session.Changed.Next);
            }

            if (answer.Revision != heartbeat.SeenRevision) return answer;
            var left = AgentHeartbeat.HoldMax - _time.GetElapsedTime(began);
            if (!await Signal.WaitAsync(news, left, _time, stop).ConfigureAwait(false)) return answer;
        }
    }

    /// <summary>
    /// The compare-and-set of a VM's generation. A rehearsal goes through all of it and takes it back: its answer is
    /// what the claim's would be.
    /// </summary>
    public Outcome<FenceReply> Fence(HostId caller, FenceRequest request, bool rehearsal = false)
    {
        if (request.Claim.Claimant != caller)
            return Problems.Forbidden($"{caller} may not claim for {request.Claim.Claimant}");
        if (request.Claim.Request.Length is 0 or > 128)
            return Problems.Invalid("a claim's request has 1-128 characters");
        lock (_lock)
        {
            Enter();
            if (_fleet.Vm(request.Vm) is not { } vm) return NoVm(request.Vm);
            if (!vm.MayClaim(request.Claim)) return new FenceReply(new Core.Swap.FenceAnswer(false, vm.Ownership));
            var outcome = _store.Fence(request.Vm, request.Claim, rehearsal);
            Invariant.Holds(outcome is not null, "a VM in memory is in the store");
            if (rehearsal) return new FenceReply(outcome.Answer);
            if (outcome.Vm.Ownership != vm.Ownership) Replace(outcome.Vm);
            Record(Event(
                outcome.Answer.Won ? "fence.won" : "fence.lost", request.Vm, caller,
                $"{caller} claimed the generation after {request.Claim.Expected}; "
                + $"{outcome.Answer.Current.Holder} has {outcome.Answer.Current.Generation}. {Cut(request.Cause)}"));
            Settle();
            return new FenceReply(outcome.Answer);
        }
    }

    private static ApiProblem? WhyInvalid(HostId caller, AgentHeartbeat heartbeat)
    {
        var host = heartbeat.Host;
        if (host.Name != caller) return Problems.Forbidden($"{caller} may not report for {host.Name}");
        if (heartbeat.Vms.Count > HeartbeatItemsMax || heartbeat.Events.Count > HeartbeatItemsMax)
            return Problems.Invalid($"a heartbeat carries at most {HeartbeatItemsMax} VMs and events");
        if (heartbeat.Vms.DistinctBy(static vm => vm.Vm).Count() != heartbeat.Vms.Count)
            return Problems.Invalid("a heartbeat names each VM once");
        if (heartbeat.Health is { } health && WhyInvalid(health) is { } unfit) return unfit;
        if (WhyInvalid(heartbeat.Examinations) is { } unlikely) return unlikely;
        if (heartbeat.Vms.Any(static vm => vm.Place is { } place && !place.IsWithinLimits()))
            return Problems.Invalid("where a VM runs is told by short lists of CPUs and nodes, and a path");
        string[] words = [host.Rack, host.PowerFeed, host.NetworkSegment, host.PairEndpoint, heartbeat.Instance];
        if (words.Any(static word => word.Length is 0 or > 255))
            return Problems.Invalid("rack, power feed, network segment, endpoint and instance have 1-255 characters");
        return host.MemoryBytes < 0 || host.Cpus < 0 ? Problems.Invalid("memory and CPUs are not below zero") : null;
    }

    private void Accept(HostId caller, AgentHeartbeat heartbeat)
    {
        Enter();
        if (_fleet.Host(caller) is not { } host) return;
        var session = _sessions[caller];
        host.Clock.Heard(_fleet.Now);
        if (!session.Order.Accept(heartbeat)) return;
        if (heartbeat.Health is { } health) host.Report(_fleet.Now, health);
        Describe(host, heartbeat.Host);
        var answer = AnswerFor(caller);
        bool current = heartbeat.SeenRevision == answer.Revision;
        var changed = Expendable(caller);
        host.Report(_fleet.Now, heartbeat.Vms.ToDictionary(static vm => vm.Vm));
        SuspicionPlanner.Note(_fleet, host, _time.GetUtcNow());
        _fleet.Kpis.Note(_fleet, host);
        // What primary, shadow and the hosts of old copies say decides what these are told.
        changed.SymmetricExceptWith(Expendable(caller));
        foreach (var copy in changed) Touch(_fleet.Vm(copy.Vm));
        if (current) Carry(ReportPlanner.Confirmed(_fleet, host, answer.Removed));
        Carry(ReportPlanner.CopiesFound(_fleet, host));
        MeetStrangers(host, session);
        Record([.. session.NewEvents(heartbeat.Events).Select(entry => FromAgent(entry, caller))]);
        foreach (var vm in _fleet.VmsOn(caller)) _unsettled.Add(vm.Name);
        Settle();
        Examine(caller, heartbeat.Examinations);
    }

    // The old copies that may go, of the VMs that the host has to do with.
    private HashSet<(VmId Vm, HostId Host)> Expendable(HostId host) =>
    [
        .. from vm in _fleet.VmsOn(host)
           from copy in vm.Remains
           where AssignmentPlanner.MayDestroy(_fleet, vm, copy)
           select (vm.Name, copy),
    ];

    private void Describe(HostState host, HostDescription description)
    {
        if (host.Record.Description is { } known && Same(known, description)) return;
        var record = host.Record with { Description = description };
        Keep(new FleetChange { Hosts = [record] });
        host.Record = record;
        foreach (var vm in _fleet.VmsOn(host.Name)) Touch(vm);
        // Another host may be just what an unprotected VM has waited for.
        foreach (var vm in _fleet.Vms) _unsettled.Add(vm.Name);
    }

    private static bool Same(HostDescription one, HostDescription other) =>
        one.Accelerators.SequenceEqual(other.Accelerators) && one with { Accelerators = other.Accelerators } == other;

    private void MeetStrangers(HostState host, HostSession session)
    {
        foreach (var name in host.Vms.Keys.Where(name => _fleet.Vm(name) is null))
        {
            if (session.Strangers.Count >= HeartbeatItemsMax || !session.Strangers.Add(name)) continue;
            Record(Event(
                "vm.unknown", name, host.Name, "it has a VM that the controller does not know; it is left alone"));
        }
    }

    private FleetEvent FromAgent(FleetEvent entry, HostId host) =>
        entry with { Number = 0, Host = host, Kind = Cut(entry.Kind), Text = Cut(entry.Text) };

    private ApiProblem RefuseJoin(HostId host, ApiProblem problem)
    {
        _log.JoinRefused(host.Value, problem.Detail);
        return problem;
    }

    private static string Describe(TokenUse use) => use switch
    {
        TokenUse.Expired => "the join token's time is over",
        TokenUse.UsedUp => "the join token was used up",
        _ => "the controller knows no such join token",
    };

    private static string HashOf(string secret) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    private static string Cut(string text) => text.Length <= TextMax ? text : text[..TextMax];
}
