using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Policy;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

public sealed class FleetPlannerTests
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");
    private static readonly HostId C = new("c");

    private static FleetBuilder Three() => new FleetBuilder().Host("a").Host("b").Host("c");

    // It runs on a and is mirrored on b.
    private static FleetBuilder Running() => Three().Vm("v", "a").Settle()
        .Report("a", FleetBuilder.Primary()).Report("b", FleetBuilder.Shadow()).Settle();

    // The shadow went from b, which fell silent, to c.
    private static FleetBuilder Moved() => Running().Pass(FleetTimes.ShadowMoveAfter, "a", "c").Settle();

    [Fact]
    public void A_new_VM_gets_its_shadow_at_once()
    {
        var fleet = Three().Vm("v", "a").Settle();
        Assert.Equal(B, fleet.Record().Shadow);
        Assert.Equal("shadow.placed", Assert.Single(fleet.Events).Kind);
    }

    [Fact]
    public void A_VM_without_a_possible_shadow_says_exactly_why()
    {
        var fleet = new FleetBuilder().Host("a").Host("b", rack: "r-a").Vm("v", "a").Settle();
        var (state, reason) = FleetViews.ProtectionOf(fleet.Fleet, fleet.Record());
        Assert.Equal(ProtectionState.Unprotected, state);
        Assert.Equal(
            "no host can hold its shadow: a is the primary's; b shares rack r-a with the primary's host a", reason);
    }

    [Fact]
    public void A_VM_that_its_host_does_not_get_to_run_says_why()
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Report("a", FleetBuilder.Primary() with
        {
            Guest = GuestState.Starting,
            Reason = "no such kernel"
        }).Settle();
        var (state, reason) = FleetViews.ProtectionOf(fleet.Fleet, fleet.Record());
        Assert.Equal((ProtectionState.Unprotected, "a does not get it to run: no such kernel"), (state, reason));
    }

    [Fact]
    public void A_host_that_appears_gets_the_shadow_that_waited_for_it()
    {
        var fleet = new FleetBuilder().Host("a").Vm("v", "a").Settle();
        Assert.Null(fleet.Record().Shadow);
        Assert.Equal(B, fleet.Host("b").Settle().Record().Shadow);
    }

    [Fact]
    public void Primary_and_shadow_are_told_of_each_other()
    {
        var fleet = Three().Vm("v", "a").Settle();
        var primary = fleet.Assigned("a");
        var shadow = fleet.Assigned("b");
        Assert.Equal((VmRole.Primary, (HostId?)B, "b:7411"), (primary.Role, primary.Peer, primary.PeerEndpoint));
        Assert.Equal((VmRole.Shadow, (HostId?)A, "a:7411"), (shadow.Role, shadow.Peer, shadow.PeerEndpoint));
        Assert.Empty(AssignmentPlanner.For(fleet.Fleet, C).Assignments);
    }

    [Fact]
    public void When_the_shadows_host_wins_the_fence_it_is_the_primary_and_the_old_copy_goes()
    {
        var fleet = Three().Vm("v", "a").Settle();
        var answer = Fencing.Decide(fleet.Record().Ownership, new FenceClaim(new Generation(1), B, "swap"));
        fleet.Change(vm => vm.AfterFence(answer)).Settle();
        Assert.Equal(VmRole.Primary, fleet.Assigned("b").Role);
        Assert.Equal(new Generation(2), fleet.Assigned("b").Generation);
        Assert.Equal(C, fleet.Record().Shadow);
        // Until the VM is known to run on b, the copy on a may be the only whole one.
        Assert.Empty(fleet.Removed("a"));
        Assert.Equal((VmRole.None, (HostId?)B), (fleet.Assigned("a").Role, fleet.Assigned("a").Peer));
        fleet.Report("a", FleetBuilder.Primary(guest: GuestState.Paused))
            .Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
    }

    [Fact]
    public void When_only_the_old_primary_can_hold_the_new_shadow_it_does_and_is_told_so_instead_of_to_destroy()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a").Settle();
        var answer = Fencing.Decide(fleet.Record().Ownership, new FenceClaim(new Generation(1), B, "swap"));
        fleet.Change(vm => vm.AfterFence(answer)).Settle();
        Assert.Null(fleet.Record().Shadow);
        fleet.Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.Equal(VmRole.Shadow, fleet.Assigned("a").Role);
        Assert.Equal(new Generation(2), fleet.Assigned("a").Generation);
        Assert.Empty(fleet.Removed("a"));
    }

    [Fact]
    public void When_the_primary_wins_the_fence_back_the_pair_stays()
    {
        var fleet = Three().Vm("v", "a").Settle();
        var answer = Fencing.Decide(fleet.Record().Ownership, new FenceClaim(new Generation(1), A, "back"));
        fleet.Change(vm => vm.AfterFence(answer)).Settle();
        Assert.Equal(B, fleet.Record().Shadow);
        Assert.Equal(new Generation(2), fleet.Assigned("b").Generation);
        Assert.Empty(fleet.Record().Remains);
    }

    [Fact]
    public void A_lost_claim_changes_nothing()
    {
        var record = Three().Vm("v", "a").Settle().Record();
        var answer = Fencing.Decide(record.Ownership, new FenceClaim(new Generation(9), B, "late"));
        Assert.Same(record, record.AfterFence(answer));
    }

    [Fact]
    public void The_shadow_of_a_host_silent_for_long_moves()
    {
        var fleet = Running().Pass(FleetTimes.ShadowMoveAfter - TimeSpan.FromSeconds(1), "a", "c").Settle();
        Assert.Equal(B, fleet.Record().Shadow);
        fleet.Pass(TimeSpan.FromSeconds(1), "a", "c").Settle();
        Assert.Equal(C, fleet.Record().Shadow);
        Assert.Equal([B], fleet.Record().Remains);
    }

    [Fact]
    public void While_the_primary_is_silent_too_its_shadow_stays_where_the_last_epoch_is()
    {
        var fleet = Running().Pass(TimeSpan.FromMinutes(10), "c").Settle();
        Assert.Equal(B, fleet.Record().Shadow);
        Assert.Empty(fleet.Report("b", FleetBuilder.Shadow()).Settle().Removed("b"));
        Assert.Equal(VmRole.Shadow, fleet.Assigned("b").Role);
    }

    [Fact]
    public void While_the_primarys_process_is_dead_its_shadow_stays_where_the_last_epoch_is()
    {
        var fleet = Running().Report("a", FleetBuilder.Primary(guest: GuestState.Dead))
            .Pass(TimeSpan.FromMinutes(10), "a", "c").Settle();
        Assert.Equal(B, fleet.Record().Shadow);
    }

    [Fact]
    public void A_shadow_that_was_given_up_is_kept_until_the_new_one_is_complete()
    {
        var fleet = Moved().Report("b", FleetBuilder.Shadow()).Settle();
        Assert.Equal((VmRole.None, (HostId?)A), (fleet.Assigned("b").Role, fleet.Assigned("b").Peer));
        fleet.Report("c", FleetBuilder.Shadow(epoch: 0)).Settle();
        Assert.Empty(fleet.Removed("b"));
        fleet.Report("c", FleetBuilder.Shadow(epoch: 1)).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("b"));
    }

    [Fact]
    public void A_copy_that_its_agent_does_not_name_yet_counts_as_a_shadow_that_was_given_up()
    {
        var fleet = Moved().Report("b").Settle();
        Assert.Empty(fleet.Removed("b"));
        Assert.Equal([new VmId("v")], fleet.Report("c", FleetBuilder.Shadow()).Settle().Removed("b"));
    }

    [Fact]
    public void A_shadow_that_was_given_up_is_kept_while_the_primary_or_the_new_shadow_is_silent()
    {
        var fleet = Moved().Report("c", FleetBuilder.Shadow()).Pass(FleetTimes.HostSilent, "c")
            .Report("b", FleetBuilder.Shadow()).Settle();
        Assert.Empty(fleet.Removed("b"));
        fleet.Pass(FleetTimes.HostSilent, "a", "b").Settle();
        Assert.Empty(fleet.Removed("b"));
        fleet.Pass(TimeSpan.Zero, "c").Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("b"));
    }

    [Fact]
    public void A_shadow_that_was_given_up_goes_when_none_is_wanted_any_more()
    {
        var fleet = Moved().Report("b", FleetBuilder.Shadow())
            .Change(vm => vm.WithPolicy(vm.Policy with { Enabled = false })).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("b"));
    }

    [Fact]
    public void A_shadow_that_was_given_up_becomes_the_shadow_again_when_the_new_one_is_lost_with_the_primary()
    {
        var fleet = Moved().Report("b", FleetBuilder.Shadow()).Pass(FleetTimes.HostSilent, "b")
            .Change(static vm => vm.WithoutShadow()).Settle();
        Assert.Equal(B, fleet.Record().Shadow);
        Assert.Empty(fleet.Record().Remains);
    }

    [Theory]
    [InlineData(GuestState.Dead)]
    [InlineData(GuestState.ShutDown)]
    [InlineData(GuestState.Starting)]
    public void The_loser_of_a_swap_keeps_its_copy_while_the_winner_does_not_run_the_VM(GuestState guest)
    {
        var fleet = Running().Change(vm => vm.AfterFence(
            Fencing.Decide(vm.Ownership, new FenceClaim(new Generation(1), B, "x")))).Settle();
        fleet.Report("a", FleetBuilder.Primary(guest: GuestState.Paused));
        Assert.Empty(fleet.Report("b", FleetBuilder.Primary(generation: 2, guest: guest)).Settle().Removed("a"));
        fleet.Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
        Assert.Empty(fleet.Pass(FleetTimes.HostSilent, "a", "c").Settle().Removed("a"));
    }

    [Fact]
    public void A_VM_that_is_off_keeps_its_old_copies_while_its_host_is_silent()
    {
        var fleet = Moved().Report("b", FleetBuilder.Shadow()).Change(vm => vm with { Power = DesiredPower.Stopped });
        Assert.Equal([new VmId("v")], fleet.Settle().Removed("b"));
        Assert.Empty(fleet.Pass(FleetTimes.HostSilent, "b", "c").Settle().Removed("b"));
    }

    [Fact]
    public void The_shadow_of_a_silent_host_stays_when_there_is_no_better_one()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a").Settle().Report("a", FleetBuilder.Primary())
            .Pass(TimeSpan.FromHours(1), "a").Settle();
        Assert.Equal(B, fleet.Record().Shadow);
        var (state, reason) = FleetViews.ProtectionOf(fleet.Fleet, fleet.Record());
        Assert.Equal((ProtectionState.Degraded, "the shadow's host b is not heard for 3600 s"), (state, reason));
    }

    [Fact]
    public void A_shadow_does_not_move_while_an_action_counts_on_it()
    {
        var fleet = Running().Pass(TimeSpan.FromMinutes(2), "a", "c");
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Swap, fleet) }).Settle();
        Assert.Equal(B, fleet.Record().Shadow);
    }

    [Fact]
    public void A_shadow_moves_when_its_host_turns_out_to_share_a_domain()
    {
        var fleet = Running();
        var host = fleet.Fleet.Host(B)!;
        host.Record = host.Record with { Description = host.Record.Description! with { Rack = "r-a" } };
        Assert.Equal(C, fleet.Settle().Record().Shadow);
    }

    [Fact]
    public void A_cordon_leaves_the_shadow_that_is_there()
    {
        var fleet = Three().Vm("v", "a").Settle().Cordon("b").Settle();
        Assert.Equal(B, fleet.Record().Shadow);
    }

    [Fact]
    public void Without_protection_the_shadow_goes_and_its_copy_is_destroyed()
    {
        var fleet = Three().Vm("v", "a").Settle().Report("a", FleetBuilder.Primary())
            .Report("b", FleetBuilder.Shadow())
            .Change(vm => vm.WithPolicy(vm.Policy with { Enabled = false })).Settle();
        Assert.Null(fleet.Record().Shadow);
        Assert.Equal([new VmId("v")], fleet.Removed("b"));
        Assert.Contains("turned off", FleetViews.ProtectionOf(fleet.Fleet, fleet.Record()).Reason);
    }

    [Fact]
    public void An_attached_VM_gets_its_shadow_once_its_definition_is_known()
    {
        var fleet = Three().Vm("v", "a")
            .Change(vm => vm with { DefinitionKnown = false, Attach = new AttachTarget(42, "/q", null) }).Settle();
        Assert.Null(fleet.Record().Shadow);
        Assert.Equal(42, fleet.Assigned("a").Attach!.ProcessId);
        var real = fleet.Record().Definition with { MemoryBytes = 2 * Sizes.GiB, IsForeign = true };
        fleet.Report("a", FleetBuilder.Primary(definition: real)).Settle();
        Assert.Equal(2 * Sizes.GiB, fleet.Record().Definition.MemoryBytes);
        Assert.Equal(B, fleet.Record().Shadow);
        Assert.Null(fleet.Assigned("b").Attach);
    }

    [Fact]
    public void A_definition_reported_under_an_older_generation_or_revision_is_ignored()
    {
        var fleet = Three().Vm("v", "a").Settle();
        var newer = fleet.Record().Definition with { Cpus = 4 };
        fleet.Report("a", FleetBuilder.Primary(generation: 0, definition: newer)).Settle();
        fleet.Report("a", FleetBuilder.Primary(definition: newer with { Revision = 0 })).Settle();
        Assert.Equal(1, fleet.Record().Definition.Cpus);
        fleet.Report("a", FleetBuilder.Primary(definition: newer)).Settle();
        Assert.Equal(4, fleet.Record().Definition.Cpus);
    }

    [Fact]
    public void A_deleted_VM_is_gone_only_when_no_host_has_anything_of_it()
    {
        var fleet = Three().Vm("v", "a").Settle().Change(static vm => vm.ForDeletion()).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
        Assert.Equal([new VmId("v")], fleet.Removed("b"));
        fleet.Change(vm => vm.WithoutRemains(A)).Settle();
        Assert.Empty(fleet.Removed("a"));
        fleet.Change(vm => vm.WithoutRemains(B)).Settle();
        Assert.Null(fleet.Fleet.Vm(new VmId("v")));
    }

    [Fact]
    public void An_action_is_told_to_its_target_alone_and_ends_with_its_result()
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Sync, fleet) }).Settle();
        Assert.Equal("x", fleet.Assigned("a").Action!.Id);
        Assert.Null(fleet.Assigned("b").Action);
        var result = new VmActionResult { Id = "x", Succeeded = true, Detail = "epoch e9" };
        fleet.Report("a", FleetBuilder.Primary(results: result)).Settle();
        Assert.Null(fleet.Assigned("a").Action);
        Assert.Equal("sync.completed", fleet.Events[^1].Kind);
        Assert.Same(result, FleetViews.Action(fleet.Record(), "x")!.Result);
    }

    [Fact]
    public void An_action_without_a_result_fails_after_its_time()
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Sync, fleet) });
        fleet.Pass(FleetTimes.ActionTimeout(VmActionKind.Sync), "a", "b", "c").Settle();
        var result = FleetViews.Action(fleet.Record(), "x")!.Result!;
        Assert.False(result.Succeeded);
        Assert.Contains("a gave no result", result.Detail);
    }

    [Theory]
    [InlineData(-1000)]
    [InlineData(1000)]
    public void An_action_ends_at_its_time_however_the_wall_clock_is_set(int days)
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Sync, fleet) });
        fleet.ClockSet = TimeSpan.FromDays(days);
        var most = FleetTimes.ActionTimeout(VmActionKind.Sync) - TimeSpan.FromSeconds(1);
        Assert.NotNull(fleet.Pass(most, "a", "b", "c").Settle().Record().Action);
        Assert.Null(fleet.Pass(TimeSpan.FromSeconds(1), "a", "b", "c").Settle().Record().Action);
    }

    [Fact]
    public void The_old_primary_of_a_swap_keeps_the_action_until_it_has_told_the_result()
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Swap, fleet) });
        fleet.Change(vm => vm.AfterFence(
            Fencing.Decide(vm.Ownership, new FenceClaim(new Generation(1), B, "x")))).Settle();
        Assert.Equal((VmRole.None, "x"), (fleet.Assigned("a").Role, fleet.Assigned("a").Action!.Id));
        Assert.Empty(fleet.Removed("a"));
        var result = new VmActionResult { Id = "x", Succeeded = true, Detail = "done" };
        fleet.Report("a", Gone(result)).Report("b", FleetBuilder.Primary(generation: 2, results: result)).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
        Assert.True(FleetViews.Action(fleet.Record(), "x")!.Result!.Succeeded);
    }

    [Fact]
    public void A_swap_whose_old_primary_fell_silent_is_done_when_the_new_one_runs()
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Swap, fleet) });
        fleet.Change(vm => vm.AfterFence(Fencing.Decide(vm.Ownership, new FenceClaim(new Generation(1), B, "x"))));
        fleet.Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.NotNull(fleet.Record().Action);
        fleet.Pass(FleetTimes.SwapResultGrace, "b", "c").Settle();
        Assert.True(FleetViews.Action(fleet.Record(), "x")!.Result!.Succeeded);
    }

    [Fact]
    public void History_is_bounded()
    {
        var fleet = Three().Vm("v", "a").Settle();
        for (int i = 0; i < VmRecord.HistoryMax + 5; i++)
        {
            string id = "n" + i;
            fleet.Change(vm => vm with { Action = Pending(VmActionKind.Sync, fleet, id) });
            fleet.Report("a", FleetBuilder.Primary(
                results: new VmActionResult { Id = id, Succeeded = true, Detail = "ok" })).Settle();
        }

        Assert.Equal(VmRecord.HistoryMax, fleet.Record().History.Count);
        Assert.Equal("n20", fleet.Record().History[^1].Result.Id);
    }

    [Fact]
    public void The_same_fleet_is_told_the_same_whatever_the_order_in_which_it_was_built()
    {
        var one = new FleetBuilder().Host("a").Host("b").Host("c").Vm("v", "a").Vm("w", "b").Settle();
        var other = new FleetBuilder().Host("c").Host("b").Host("a").Vm("w", "b").Vm("v", "a").Settle();
        foreach (string host in new[] { "a", "b", "c" })
        {
            Assert.Equal(
                FleetJson.SerializeToText(AssignmentPlanner.For(one.Fleet, new HostId(host)).Assignments),
                FleetJson.SerializeToText(AssignmentPlanner.For(other.Fleet, new HostId(host)).Assignments));
        }
    }

    private static VmStatus Gone(VmActionResult result) => new()
    {
        Vm = new VmId("v"), Role = VmRole.None, Generation = new Generation(2), Guest = GuestState.Absent,
        Results = [result],
    };

    private static PendingAction Pending(VmActionKind kind, FleetBuilder fleet, string id = "x") =>
        new(new VmAction(id, kind, "test"), A, new Generation(1), fleet.UtcNow);
}
