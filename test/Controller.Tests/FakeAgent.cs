using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Controller.Tests;

/// <summary>
/// An agent as the controller sees one: it joins, reports and claims over real TLS, but runs nothing.
/// </summary>
internal sealed class FakeAgent : IDisposable
{
    private readonly JoinToken _token;
    private readonly X509Certificate2 _certificate;
    private long _sequence;

    private FakeAgent(JoinToken token, ECDsa key, JoinReply reply, string name, string? rack)
    {
        _token = token;
        using var signed = X509Certificate2.CreateFromPem(reply.Certificate);
        _certificate = signed.CopyWithPrivateKey(key);
        Name = new HostId(name);
        Client = new ApiClient(token.Url, _certificate);
        Host = new HostDescription
        {
            Name = Name, Rack = rack ?? "r-" + name, PowerFeed = "f-" + name, NetworkSegment = "s-" + name,
            PairEndpoint = name + ":7411", MemoryBytes = 8 * Sizes.GiB, Cpus = 8,
        };
    }

    public HostId Name { get; }

    public HostDescription Host { get; set; }

    public ApiClient Client { get; private set; }

    public string Instance { get; set; } = Guid.NewGuid().ToString("N");

    public long Seen { get; set; }

    /// <summary>Results that its heartbeats bring.</summary>
    public IReadOnlyList<Examination> Examinations { get; set; } = [];

    public static async Task<FakeAgent> JoinAsync(JoinToken token, string name, string? rack = null)
    {
        using var stranger = new ApiClient(token.Url, null);
        var (key, request) = ApiClient.JoinRequest(token, name);
        using (key)
        {
            var reply = await stranger.PostAsync<JoinReply>(ApiPaths.AgentJoin, request);
            return new FakeAgent(token, key, reply, name, rack);
        }
    }

    /// <summary>Where the controller listens now, after it was started anew.</summary>
    public void MoveTo(string url)
    {
        Client.Dispose();
        Client = new ApiClient(url, _certificate);
    }

    public AgentHeartbeat Heartbeat(params VmStatus[] vms) => new()
    {
        Host = Host, Instance = Instance, Sequence = ++_sequence, SeenRevision = Seen, Vms = vms,
        Examinations = Examinations,
    };

    /// <summary>Reports and takes in what it is told.</summary>
    public async Task<HeartbeatAnswer> BeatAsync(params VmStatus[] vms)
    {
        var answer = await Client.PostAsync<HeartbeatAnswer>(ApiPaths.AgentHeartbeat, Heartbeat(vms));
        Seen = answer.Revision;
        return answer;
    }

    public async Task<FenceAnswer> FenceAsync(
        string vm, ulong expected, string request, string? claimant = null, string path = ApiPaths.AgentFence)
    {
        var claim = new FenceClaim(new Generation(expected), claimant is null ? Name : new HostId(claimant), request);
        return (await Client.PostAsync<FenceReply>(
            path, new FenceRequest(new VmId(vm), claim, "test"))).Answer;
    }

    public void Dispose()
    {
        Client.Dispose();
        _certificate.Dispose();
    }
}
