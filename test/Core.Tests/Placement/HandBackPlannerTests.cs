using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Policy;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

/// <summary>A VM that died on the host that won it, before it was known to run there.</summary>
public sealed class HandBackPlannerTests
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");
    private static readonly ProtectionPolicy Automatic = new() { Takeover = TakeoverMode.Automatic };

    // Won by b from a, where the old copy stands still.
    private static FleetBuilder Won(GuestState kept = GuestState.Paused) => new FleetBuilder().Host("a").Host("b")
        .Host("c").Vm("v", "a", shadow: "b", policy: Automatic)
        .Change(static vm => vm.AfterFence(
            Fencing.Decide(vm.Ownership, new FenceClaim(vm.Ownership.Generation, B, "swap"))))
        .Report("a", FleetBuilder.Primary(guest: kept)).Settle();

    private static FleetBuilder Died() =>
        Won().Report("b", FleetBuilder.Primary(generation: 2, guest: GuestState.Dead)).Settle();

    private static VmActionResult Answer(FleetBuilder fleet, bool yes = true) => new()
    {
        Id = fleet.Record().Action!.Action.Id, Succeeded = yes, Detail = yes ? "the copy is kept" : "it is given up",
    };

    private static VmStatus Kept(params VmActionResult[] results) =>
        FleetBuilder.Primary(guest: GuestState.Paused, results: results);

    [Fact]
    public void What_an_old_copys_host_said_before_it_was_asked_gives_it_nothing()
    {
        var fleet = Died();
        Assert.Empty(fleet.Claims);
        Assert.Equal((VmActionKind.TakeoverConsent, VmRole.None),
            (fleet.Assigned("a").Action!.Kind, fleet.Assigned("a").Role));
        fleet.Report("a", Kept()).Pass(TimeSpan.FromSeconds(1), "a", "b", "c").Settle();
        Assert.Empty(fleet.Claims);
        Assert.Empty(fleet.Removed("a"));
    }

    [Fact]
    public void A_VM_goes_back_to_the_copy_whose_host_has_promised_to_keep_it()
    {
        var fleet = Died();
        fleet.Report("a", Kept(Answer(fleet))).Settle();
        Assert.Equal((A, new Generation(3)), (fleet.Record().Primary, fleet.Record().Ownership.Generation));
        Assert.Equal(new FenceClaim(new Generation(2), A, fleet.Claims[0].Request), Assert.Single(fleet.Claims));
        Assert.Null(fleet.Record().Action);
        Assert.True(Assert.Single(fleet.Record().History).Result.Succeeded);
        Assert.Equal(VmRole.Primary, fleet.Assigned("a").Role);
        Assert.Empty(fleet.Removed("a"));
    }

    [Fact]
    public void A_copy_that_was_given_up_meanwhile_gets_nothing_and_is_asked_again_only_after_a_while()
    {
        var fleet = Died();
        string first = fleet.Record().Action!.Action.Id;
        fleet.Report("a", Kept(Answer(fleet, yes: false))).Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Empty(fleet.Claims);
        // The clock may be set back by just this much: a question of the same name would have its answer already.
        fleet.ClockSet = -FleetTimes.TakeoverRetry;
        fleet.Pass(FleetTimes.TakeoverRetry, "a", "b", "c").Settle();
        Assert.NotEqual(first, fleet.Record().Action!.Action.Id);
        Assert.Empty(fleet.Claims);
    }

    [Fact]
    public void A_host_that_says_it_has_no_copy_any_more_is_not_waited_for()
    {
        var fleet = Died().Report("a").Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Empty(fleet.Claims);
    }

    [Fact]
    public void A_promise_comes_to_nothing_when_the_VM_runs_on_its_winner_after_all()
    {
        var fleet = Died();
        var yes = Answer(fleet);
        fleet.Report("b", FleetBuilder.Primary(generation: 2));
        fleet.Report("a", Kept(yes)).Settle();
        Assert.Empty(fleet.Claims);
        Assert.Equal(B, fleet.Record().Primary);
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
    }

    [Fact]
    public void A_promise_comes_to_nothing_when_the_VM_is_to_be_off_or_has_changed_hands()
    {
        var off = Died();
        off.Change(static vm => vm with { Power = DesiredPower.Stopped });
        off.Report("a", Kept(Answer(off))).Settle();
        Assert.Empty(off.Claims);
        var moved = Died();
        var yes = Answer(moved);
        moved.Change(static vm => vm with { Ownership = new Ownership(new Generation(3), B, "b") });
        moved.Report("a", Kept(yes)).Settle();
        Assert.Empty(moved.Claims);
        Assert.False(moved.Record().History[^1].Result.Succeeded);
    }

    [Fact]
    public void A_question_that_a_controller_did_not_live_to_see_answered_is_the_next_ones()
    {
        var before = Died();
        var fleet = new FleetBuilder().Host("a").Host("b").Host("c");
        fleet.Fleet.Put(before.Record());
        fleet.Report("b", FleetBuilder.Primary(generation: 2, guest: GuestState.Dead))
            .Report("a", Kept(Answer(before))).Settle();
        Assert.Equal(A, Assert.Single(fleet.Claims).Claimant);
    }

    [Fact]
    public void Nobody_is_asked_who_has_an_older_copy_or_while_the_winner_may_run_the_VM()
    {
        var fleet = Won().Report("b", FleetBuilder.Shadow(generation: 2)).Settle();
        Assert.Null(fleet.Record().Action);
        fleet.Report("b", FleetBuilder.Shadow(generation: 1, epoch: 0)).Settle();
        Assert.Null(fleet.Record().Action);
        fleet.Report("a", FleetBuilder.Primary(generation: 0, guest: GuestState.Paused))
            .Report("b", FleetBuilder.Primary(generation: 2, guest: GuestState.Dead)).Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Equal(B, fleet.Record().Primary);
    }

    [Fact]
    public void With_manual_takeover_nobody_is_asked()
    {
        var fleet = Won().Change(static vm => vm.WithPolicy(new ProtectionPolicy()))
            .Report("b", FleetBuilder.Primary(generation: 2, guest: GuestState.Dead)).Settle();
        Assert.Null(fleet.Record().Action);
    }
}
