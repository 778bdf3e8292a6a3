using Microsoft.Data.Sqlite;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Controller.Tests;

public sealed class RestartTests
{
    [Fact]
    public async Task A_controller_that_starts_anew_tells_hosts_the_same()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        var before = await a.BeatAsync();
        await controller.RestartAsync();
        a.MoveTo(controller.Host.Url);
        a.Seen = 0;
        var after = await a.BeatAsync();
        Assert.Equal(before.Revision, after.Revision);
        Assert.Equal(FleetJson.SerializeToText(before), FleetJson.SerializeToText(after));
    }

    [Fact]
    public async Task Ownership_tokens_cordons_and_events_outlive_the_controller()
    {
        await using var controller = await ControllerFixture.StartAsync();
        var token = await controller.TokenAsync(uses: 2);
        using var a = await FakeAgent.JoinAsync(token, "a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        var won = await b.FenceAsync("v", 1, "swap");
        await controller.Admin.PostAsync<HostChange>("/api/v1/hosts/a/cordon", new CordonRequest { Reason = "fan" });
        long newest = (await controller.Admin.GetAsync<EventPage>("/api/v1/events")).Newest;
        await controller.RestartAsync();
        b.MoveTo(controller.Host.Url);
        Assert.Equal(won, await b.FenceAsync("v", 1, "swap"));
        Assert.Equal("fan", (await controller.Admin.GetAsync<HostView>("/api/v1/hosts/a")).Cordon);
        Assert.True((await controller.Admin.GetAsync<EventPage>("/api/v1/events")).Newest >= newest);
        using var c = await FakeAgent.JoinAsync(token with { Url = controller.Host.Url }, "c");
    }

    [Fact]
    public void Of_many_threads_that_claim_the_same_generation_one_wins()
    {
        using var directory = new TemporaryDirectory();
        using var store = new SqliteFleetStore(directory.File("fleet.db"));
        Assert.True(store.Commit(new FleetChange { Vms = [new VmWrite(Record("v"), null)] }));
        int won = 0;
        Parallel.For(0, 32, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            var claim = new FenceClaim(new Generation(1), new HostId("h" + i), "r" + i);
            if (store.Fence(new VmId("v"), claim)!.Answer.Won) Interlocked.Increment(ref won);
        });
        Assert.Equal(1, won);
        Assert.Equal(new Generation(2), Assert.Single(store.Load().Vms).Ownership.Generation);
    }

    [Fact]
    public void A_change_that_builds_on_another_register_is_not_kept_at_all()
    {
        using var directory = new TemporaryDirectory();
        using var store = new SqliteFleetStore(directory.File("fleet.db"));
        var record = Record("v");
        Assert.True(store.Commit(new FleetChange { Vms = [new VmWrite(record, null)] }));
        Assert.False(store.Commit(new FleetChange { Vms = [new VmWrite(record, null)] }));
        var other = record.Ownership with { Generation = new Generation(9) };
        Assert.False(store.Commit(
            new FleetChange { Vms = [new VmWrite(Record("w"), null), new VmWrite(record, other)] }));
        Assert.Equal("v", Assert.Single(store.Load().Vms).Name.Value);
    }

    [Fact]
    public void A_record_is_read_as_it_was_kept()
    {
        using var directory = new TemporaryDirectory();
        var record = Record("v") with
        {
            Shadow = new HostId("b"),
            Lease = TimeSpan.FromSeconds(5),
            Attach = new AttachTarget(42, "/q", null),
            Action = new PendingAction(
                new VmAction("x", VmActionKind.Swap, "why"), new HostId("a"), new Generation(1),
                    DateTimeOffset.UnixEpoch),
            Remains = [new HostId("c")],
        };
        using (var store = new SqliteFleetStore(directory.File("fleet.db")))
            store.Commit(new FleetChange { Vms = [new VmWrite(record, null)] });
        using (var store = new SqliteFleetStore(directory.File("fleet.db")))
            Assert.Equal(FleetJson.SerializeToText(record), FleetJson.SerializeToText(Assert.Single(store.Load().Vms)));
    }

    [Fact]
    public void A_store_of_a_newer_version_is_refused()
    {
        using var directory = new TemporaryDirectory();
        new SqliteFleetStore(directory.File("fleet.db")).Dispose();
        using (var connection = new SqliteConnection($"Data Source={directory.File("fleet.db")};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }

        var error = Assert.Throws<InvalidDataException>(() => new SqliteFleetStore(directory.File("fleet.db")));
        Assert.Contains("version 99", error.Message);
    }

    [Fact]
    public void A_second_controller_on_the_same_state_does_not_start()
    {
        using var directory = new TemporaryDirectory();
        using var store = new SqliteFleetStore(directory.File("fleet.db"));
        Assert.Throws<SqliteException>(() => new SqliteFleetStore(directory.File("fleet.db")));
    }

    [Theory]
    [InlineData(0, TokenUse.Accepted)]
    [InlineData(61, TokenUse.Expired)]
    public void A_token_ends_with_its_time(int minutes, TokenUse use)
    {
        using var directory = new TemporaryDirectory();
        using var store = new SqliteFleetStore(directory.File("fleet.db"));
        var now = DateTimeOffset.UtcNow;
        store.AddToken(new TokenRecord("h", now.AddHours(1), 1));
        Assert.Equal(use, store.UseToken("h", now.AddMinutes(minutes), take: true));
        if (use == TokenUse.Accepted) Assert.Equal(TokenUse.UsedUp, store.UseToken("h", now, take: false));
        Assert.Equal(TokenUse.Unknown, store.UseToken("other", now, take: true));
    }

    private static VmRecord Record(string name) => new()
    {
        Definition = new VmDefinition { Name = new VmId(name) },
        Policy = new ProtectionPolicy(),
        Ownership = new Ownership(new Generation(1), new HostId("a"), "create"),
    };
}
