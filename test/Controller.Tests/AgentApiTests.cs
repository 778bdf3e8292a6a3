using Umbra.Core.Api;
using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Controller.Tests;

public sealed class AgentApiTests
{
    [Fact]
    public async Task A_heartbeat_that_has_not_seen_what_it_is_told_is_answered_at_once()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var agent = await controller.AgentAsync("a");
        var answer = await agent.BeatAsync();
        Assert.NotEqual(0, answer.Revision);
        Assert.Empty(answer.Assignments);
    }

    [Fact]
    public async Task A_held_heartbeat_is_answered_with_the_news_as_soon_as_there_are_any()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var agent = await controller.AgentAsync("a");
        await agent.BeatAsync();
        long seen = agent.Seen;
        // Without the wake the answer would be what was known when the heartbeat came in.
        for (int attempt = 0; ; attempt++)
        {
            var held = agent.BeatAsync();
            if (attempt == 0) await controller.CreateAsync("v");
            var answer = await held;
            if (answer.Revision == seen && attempt < 3) continue;
            Assert.Equal("v", Assert.Single(answer.Assignments).Vm.Name.Value);
            break;
        }
    }

    [Fact]
    public async Task A_held_heartbeat_without_news_is_answered_within_the_longest_hold()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var agent = await controller.AgentAsync("a");
        await agent.BeatAsync();
        long before = agent.Seen;
        long began = TimeProvider.System.GetTimestamp();
        await agent.BeatAsync();
        Assert.Equal(before, agent.Seen);
        Assert.True(TimeProvider.System.GetElapsedTime(began) >= AgentHeartbeat.HoldMax * 0.9);
    }

    [Fact]
    public async Task An_old_copy_is_kept_until_the_VM_runs_and_then_named_until_its_agent_reports_it_gone()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await b.BeatAsync();
        using var c = await controller.AgentAsync("c");
        await c.BeatAsync();
        await controller.CreateAsync("v", "a");
        Assert.True((await b.FenceAsync("v", 1, "swap")).Won);
        a.Seen = 0;
        var kept = await a.BeatAsync(Status("v", VmRole.Primary, GuestState.Paused));
        Assert.Equal(VmRole.None, Assert.Single(kept.Assignments).Role);
        Assert.Empty(kept.Removed);
        await b.BeatAsync(Status("v", VmRole.Primary, GuestState.Running) with { Generation = new Generation(2) });
        await c.BeatAsync(Whole("v") with { Generation = new Generation(2) });
        Assert.Equal([new VmId("v")], (await a.BeatAsync()).Removed);
        var paused = Status("v", VmRole.Primary, GuestState.Paused);
        Assert.Equal([new VmId("v")], (await a.BeatAsync(paused)).Removed);
        a.Seen = 0; // an agent that starts anew and has not looked yet
        Assert.Equal([new VmId("v")], (await a.BeatAsync()).Removed);
        Assert.Empty((await a.BeatAsync()).Removed);
    }

    [Fact]
    public async Task A_VM_that_the_controller_does_not_know_is_left_alone_and_told()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var agent = await controller.AgentAsync("a");
        await agent.BeatAsync(Status("stranger", VmRole.Primary, GuestState.Running));
        var answer = await agent.BeatAsync(Status("stranger", VmRole.Primary, GuestState.Running));
        Assert.Empty(answer.Removed);
        var page = await controller.Admin.GetAsync<EventPage>("/api/v1/events");
        Assert.Single(page.Events, entry => entry.Kind == "vm.unknown");
    }

    [Fact]
    public async Task A_host_that_comes_back_with_a_copy_it_has_lost_is_told_to_destroy_it()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var c = await controller.AgentAsync("c", rack: "r-a");
        await a.BeatAsync();
        await c.BeatAsync();
        await controller.CreateAsync("v", "a", new ProtectionPolicy { Enabled = false });
        await a.BeatAsync(Status("v", VmRole.Primary, GuestState.Running));
        await c.BeatAsync(Status("v", VmRole.Shadow, GuestState.Standby));
        Assert.Equal([new VmId("v")], (await c.BeatAsync(Status("v", VmRole.Shadow, GuestState.Standby))).Removed);
    }

    [Fact]
    public async Task The_only_shadow_there_is_stays_until_a_new_one_is_reported_complete()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        using var c = await controller.AgentAsync("c", rack: "r-a");
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        await a.BeatAsync(Status("v", VmRole.Primary, GuestState.Running));
        await c.BeatAsync(Whole("v"));
        var kept = await c.BeatAsync(Whole("v"));
        Assert.Equal(VmRole.None, Assert.Single(kept.Assignments).Role);
        await b.BeatAsync(Whole("v"));
        Assert.Equal([new VmId("v")], (await c.BeatAsync(Whole("v"))).Removed);
    }

    [Fact]
    public async Task A_late_heartbeat_of_an_earlier_instance_changes_nothing()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var agent = await controller.AgentAsync("a");
        await agent.BeatAsync();
        await controller.CreateAsync("v", "a", new ProtectionPolicy { Enabled = false });
        var late = agent.Heartbeat(Status("v", VmRole.Primary, GuestState.Paused));
        agent.Instance = "another";
        await agent.BeatAsync(Status("v", VmRole.Primary, GuestState.Running));
        await agent.Client.PostAsync<HeartbeatAnswer>(ApiPaths.AgentHeartbeat, late);
        Assert.Equal(GuestState.Running, (await controller.Admin.GetAsync<VmView>("/api/v1/vms/v")).Guest);
    }

    [Fact]
    public async Task Events_sent_again_after_a_lost_answer_are_kept_once()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var agent = await controller.AgentAsync("a");
        var entry = new FleetEvent { Time = DateTimeOffset.UtcNow, Kind = "vm.paused", Text = new string('x', 9000) };
        for (int i = 0; i < 2; i++)
        {
            await agent.Client.PostAsync<HeartbeatAnswer>(
                ApiPaths.AgentHeartbeat, agent.Heartbeat() with { Events = [entry] });
        }

        var kept = Assert.Single(
            (await controller.Admin.GetAsync<EventPage>("/api/v1/events")).Events, e => e.Kind == "vm.paused");
        Assert.Equal(agent.Name, kept.Host);
        Assert.True(kept.Text.Length < 9000);
    }

    [Fact]
    public async Task Of_two_hosts_that_claim_at_once_exactly_one_wins_and_both_are_told_the_same()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        for (ulong generation = 1; generation < 12; generation++)
        {
            var vm = await controller.Admin.GetAsync<VmView>("/api/v1/vms/v");
            Assert.Equal(generation, vm.Generation.Value);
            var answers = await Task.WhenAll(
                a.FenceAsync("v", generation, "a" + generation), b.FenceAsync("v", generation, "b" + generation));
            Assert.Single(answers, answer => answer.Won);
            Assert.Equal(answers[0].Current, answers[1].Current);
            // Once the winner runs the VM the loser becomes its shadow, and may claim again.
            var winner = answers[0].Won ? a : b;
            winner.Seen = 0;
            await winner.BeatAsync(Status("v", VmRole.Primary, GuestState.Running) with
            {
                Generation = new Generation(generation + 1),
            });
        }
    }

    [Fact]
    public async Task A_claim_repeated_after_a_lost_answer_is_answered_the_same()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        var first = await b.FenceAsync("v", 1, "swap");
        Assert.Equal(first, await b.FenceAsync("v", 1, "swap"));
        Assert.False((await b.FenceAsync("v", 1, "another")).Won);
        Assert.False((await a.FenceAsync("v", 1, "back")).Won);
    }

    [Fact]
    public async Task A_rehearsed_claim_is_answered_as_the_claim_would_be_and_changes_nothing()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        const string rehearsal = ApiPaths.AgentFenceRehearsal;
        var first = await b.FenceAsync("v", 1, "swap", path: rehearsal);
        Assert.Equal((true, new Generation(2), b.Name), (first.Won, first.Current.Generation, first.Current.Holder));
        Assert.Equal(first, await b.FenceAsync("v", 1, "swap", path: rehearsal));
        var vm = await controller.Admin.GetAsync<VmView>("/api/v1/vms/v");
        Assert.Equal((new Generation(1), a.Name), (vm.Generation, vm.Primary));
        Assert.True((await a.FenceAsync("v", 1, "own")).Won);
        Assert.False((await b.FenceAsync("v", 1, "swap", path: rehearsal)).Won);
        var events = await controller.Admin.GetAsync<EventPage>("/api/v1/events?limit=1000");
        Assert.Single(events.Events, static entry => entry.Kind.StartsWith("fence.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_that_is_no_part_of_the_pair_cannot_win()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var c = await controller.AgentAsync("c", rack: "r-a");
        await a.BeatAsync();
        await c.BeatAsync();
        await controller.CreateAsync("v", "a");
        var answer = await c.FenceAsync("v", 1, "mine");
        Assert.False(answer.Won);
        Assert.Equal(a.Name, answer.Current.Holder);
    }

    private static VmStatus Whole(string vm) => Status(vm, VmRole.Shadow, GuestState.Standby) with
    {
        Sync = new SyncStatus { Acknowledged = new EpochNumber(7) },
    };

    private static VmStatus Status(string vm, VmRole role, GuestState guest) => new()
    {
        Vm = new VmId(vm), Role = role, Generation = new Generation(1), Guest = guest,
    };
}
