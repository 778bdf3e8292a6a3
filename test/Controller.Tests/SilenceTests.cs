using Microsoft.Extensions.Logging.Abstractions;
using Umbra.Controller.Fleet;
using Umbra.Controller.Security;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>What a host's silence alone changes of what other hosts are told.</summary>
public sealed class SilenceTests : IDisposable
{
    private static readonly VmId Vm = new("v");
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");

    private readonly TemporaryDirectory _directory = new();
    private readonly ManualTime _time = new();
    private readonly FleetAuthority _authority;
    private readonly SqliteFleetStore _store;
    private readonly FleetService _fleet;
    private long _sequence;

    public SilenceTests()
    {
        _authority = FleetAuthority.LoadOrCreate(_directory.File("."), _time);
        _store = new SqliteFleetStore(_directory.File("fleet.db"));
        _fleet = new FleetService(_store, _authority, _time, NullLogger<FleetService>.Instance)
        {
            AdvertiseUrl = "https://127.0.0.1:7410",
        };
    }

    [Fact]
    public async Task An_order_to_destroy_an_old_copy_is_taken_back_when_the_new_primary_falls_silent()
    {
        foreach (var host in new[] { A, B }) Join(host);
        await BeatAsync(A);
        await BeatAsync(B);
        var request = new CreateVmRequest
        {
            Definition = new VmDefinition { Name = Vm }, Host = A, Policy = new ProtectionPolicy(),
        };
        Assert.Null(_fleet.Create(request).Problem);
        _fleet.Fence(B, new FenceRequest(Vm, new FenceClaim(new Generation(1), B, "swap"), "test"));
        _fleet.SetCordon(A, "else it would be the new shadow");
        await BeatAsync(B, 2, GuestState.Running);
        Assert.Equal([Vm], (await BeatAsync(A, 1, GuestState.Paused)).Removed);
        _time.Advance(FleetTimes.HostSilent / 2);
        await BeatAsync(A, 1, GuestState.Paused);
        _time.Advance(FleetTimes.HostSilent / 2);
        _fleet.Tick();
        var kept = await BeatAsync(A, 1, GuestState.Paused);
        Assert.Equal(VmRole.None, Assert.Single(kept.Assignments).Role);
        Assert.Empty(kept.Removed);
        await BeatAsync(B, 2, GuestState.Running);
        Assert.Equal([Vm], (await BeatAsync(A, 1, GuestState.Paused)).Removed);
    }

    public void Dispose()
    {
        _fleet.Dispose();
        _store.Dispose();
        _authority.Dispose();
        _directory.Dispose();
    }

    private void Join(HostId host)
    {
        var token = JoinToken.TryParse(_fleet.CreateToken(new TokenRequest()).Value!.Token, out _)!;
        var (key, request) = ApiClient.JoinRequest(token, host.Value);
        using (key) Assert.Null(_fleet.Join(request).Problem);
    }

    private async Task<HeartbeatAnswer> BeatAsync(HostId host, ulong generation = 0, GuestState guest = default)
    {
        var status = new VmStatus
        {
            Vm = Vm, Role = VmRole.Primary, Generation = new Generation(generation), Guest = guest,
        };
        var heartbeat = new AgentHeartbeat
        {
            Host = new HostDescription
            {
                Name = host, Rack = "r-" + host, PowerFeed = "f-" + host, NetworkSegment = "s-" + host,
                PairEndpoint = host + ":7411", MemoryBytes = 8 * Sizes.GiB, Cpus = 8,
            },
            Instance = "one", Sequence = ++_sequence, SeenRevision = 0, Vms = generation == 0 ? [] : [status],
        };
        return (await _fleet.HeartbeatAsync(host, heartbeat, CancellationToken.None)).Value!;
    }
}
