using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

/// <summary>A VM whose winner lost its memory before it ran there, and gave it up.</summary>
public sealed class GivenUpTests
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");

    // Won by b from a, where the old copy stands still.
    private static FleetBuilder Won() => new FleetBuilder().Host("a").Host("b").Host("c")
        .Vm("v", "a", shadow: "b")
        .Change(static vm => vm.AfterFence(
            Fencing.Decide(vm.Ownership, new FenceClaim(vm.Ownership.Generation, B, "swap"))))
        .Report("a", Kept()).Report("b", FleetBuilder.Shadow(generation: 2)).Settle();

    private static VmStatus Kept(params VmActionResult[] results) =>
        FleetBuilder.Primary(guest: GuestState.Paused, results: results);

    private static VmStatus GaveUp(ulong generation = 2) =>
        FleetBuilder.Shadow(generation: generation, epoch: 0) with { GivenUp = new Generation(generation) };

    private static VmActionResult Answer(FleetBuilder fleet, bool yes = true) => new()
    {
        Id = fleet.Record().Action!.Action.Id, Succeeded = yes, Detail = yes ? "the copy is kept" : "it is given up",
    };

    [Fact]
    public void A_winner_that_gave_up_has_the_vm_go_on_where_it_stands_still_once_that_host_has_promised_to_keep_it()
    {
        var fleet = Won().Report("b", GaveUp()).Settle();
        Assert.Empty(fleet.Claims);
        Assert.Equal(VmActionKind.TakeoverConsent, fleet.Assigned("a").Action!.Kind);
        Assert.Empty(fleet.Removed("a"));
        fleet.Report("a", Kept(Answer(fleet))).Settle();
        var claim = Assert.Single(fleet.Claims);
        Assert.Equal((new Generation(2), A), (claim.Expected, claim.Claimant));
        Assert.Equal((new Generation(3), A), (fleet.Record().Ownership.Generation, fleet.Record().Primary));
        Assert.Equal(VmRole.Primary, fleet.Assigned("a").Role);
        Assert.Empty(fleet.Removed("a"));
        fleet.Report("a", FleetBuilder.Primary(generation: 3)).Settle();
        Assert.NotNull(fleet.Record().Shadow);
        Assert.Single(fleet.Claims);
    }

    [Fact]
    public void A_copy_that_was_told_to_go_while_the_vm_was_to_be_off_gets_nothing_by_what_its_host_said_before()
    {
        // The winner is heard, its agent has not looked yet what it has, and a VM that is off needs no old copy.
        var fleet = Won().Report("b").Change(static vm => vm with { Power = DesiredPower.Stopped }).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
        fleet.Change(static vm => vm with { Power = DesiredPower.Running }).Report("b", GaveUp()).Settle();
        Assert.Empty(fleet.Claims);
        Assert.Empty(fleet.Removed("a"));
        fleet.Report("a", Kept(Answer(fleet, yes: false))).Settle();
        Assert.Empty(fleet.Claims);
        Assert.Equal(B, fleet.Record().Primary);
    }

    [Fact]
    public void A_vm_that_is_to_be_off_keeps_its_old_copy_until_its_winner_has_begun_to_run_it()
    {
        var fleet = Won().Change(static vm => vm with { Power = DesiredPower.Stopped }).Settle();
        Assert.Empty(fleet.Removed("a"));
        fleet.Report("b", FleetBuilder.Primary(generation: 2, guest: GuestState.ShutDown)).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
    }

    [Fact]
    public void A_swap_that_still_waits_for_the_winners_word_keeps_nobody_from_being_asked()
    {
        var swap = new VmAction("s", VmActionKind.Swap, "wanted");
        var fleet = Won();
        fleet.Change(vm => vm with { Action = new PendingAction(swap, A, new Generation(1), fleet.UtcNow) }).Settle();
        Assert.Equal("s", fleet.Record().Action!.Action.Id);
        fleet.Report("b", GaveUp()).Settle();
        Assert.Equal("s", fleet.Record().History[^1].Pending.Action.Id);
        fleet.Report("a", Kept(Answer(fleet))).Settle();
        Assert.Equal(A, Assert.Single(fleet.Claims).Claimant);
    }

    [Fact]
    public void What_was_given_up_of_an_older_generation_gives_nothing_back()
    {
        var fleet = Won().Report("b", FleetBuilder.Primary(generation: 2) with { GivenUp = new Generation(1) });
        Assert.Null(fleet.Settle().Record().Action);
    }

    [Fact]
    public void A_winner_that_is_only_silent_gives_nothing_back()
    {
        var fleet = Won().Pass(TimeSpan.FromHours(1), "a", "c").Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Empty(fleet.Removed("a"));
    }

    [Theory]
    [InlineData(GuestState.Dead)]
    [InlineData(GuestState.ShutDown)]
    [InlineData(GuestState.Starting)]
    public void A_copy_that_cannot_go_on_is_not_given_the_vm_but_kept(GuestState guest)
    {
        var fleet = Won().Report("a", FleetBuilder.Primary(guest: guest)).Report("b", GaveUp()).Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Empty(fleet.Removed("a"));
        fleet.Change(static vm => vm with { Power = DesiredPower.Stopped }).Settle();
        Assert.Empty(fleet.Removed("a"));
    }

    [Fact]
    public void A_copy_whose_host_is_not_heard_gets_the_vm_once_it_is()
    {
        var fleet = Won().Pass(TimeSpan.FromMinutes(1), "b", "c").Report("b", GaveUp()).Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Equal(new HostId("c"), fleet.Record().Shadow);
        fleet.Report("a", Kept()).Settle();
        fleet.Report("a", Kept(Answer(fleet))).Settle();
        Assert.Equal(A, fleet.Record().Primary);
        // Nothing that was placed for the winner is forgotten where it is.
        Assert.All(new[] { "b", "c" }, host => Assert.Contains(fleet.Fleet.VmsOn(new HostId(host)),
            static vm => vm.Name.Value == "v"));
    }

    [Fact]
    public void A_copy_older_than_the_one_that_was_claimed_from_is_not_the_newest()
    {
        var fleet = Won().Report("a", FleetBuilder.Primary(generation: 0, guest: GuestState.Paused));
        Assert.Null(fleet.Report("b", GaveUp()).Settle().Record().Action);
    }
}
