using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

/// <summary>A VM whose winner lost its memory before it ran there.</summary>
public sealed class ReturnPlannerTests
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");

    // Won by b from a, where the old copy stands still.
    private static FleetBuilder Won() => new FleetBuilder().Host("a").Host("b").Host("c")
        .Vm("v", "a", shadow: "b")
        .Change(static vm => vm.AfterFence(
            Fencing.Decide(vm.Ownership, new FenceClaim(vm.Ownership.Generation, B, "swap"))))
        .Report("a", FleetBuilder.Primary(guest: GuestState.Paused)).Settle();

    private static VmStatus GaveUp(ulong generation = 2) =>
        FleetBuilder.Shadow(generation: generation, epoch: 0) with { GivenUp = new Generation(generation) };

    [Fact]
    public void A_winner_that_gave_up_has_the_vm_go_on_where_it_stands_still_under_the_next_generation()
    {
        var fleet = Won();
        Assert.Empty(fleet.Claims);
        fleet.Report("b", GaveUp()).Settle();
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
    public void What_was_given_up_of_an_older_generation_gives_nothing_back()
    {
        var fleet = Won().Report("b", FleetBuilder.Primary(generation: 2) with { GivenUp = new Generation(1) });
        Assert.Empty(fleet.Settle().Claims);
    }

    [Fact]
    public void A_winner_that_is_only_silent_gives_nothing_back()
    {
        var fleet = Won().Pass(TimeSpan.FromHours(1), "a", "c").Settle();
        Assert.Empty(fleet.Claims);
        Assert.Empty(fleet.Removed("a"));
    }

    [Theory]
    [InlineData(GuestState.Dead)]
    [InlineData(GuestState.ShutDown)]
    [InlineData(GuestState.Starting)]
    public void A_copy_that_cannot_go_on_is_not_given_the_vm_but_kept(GuestState guest)
    {
        var fleet = Won().Report("a", FleetBuilder.Primary(guest: guest)).Report("b", GaveUp()).Settle();
        Assert.Empty(fleet.Claims);
        Assert.Empty(fleet.Removed("a"));
        fleet.Change(static vm => vm with { Power = DesiredPower.Stopped }).Settle();
        Assert.Empty(fleet.Removed("a"));
    }

    [Fact]
    public void A_copy_whose_host_is_not_heard_gets_the_vm_once_it_is()
    {
        var fleet = Won().Pass(TimeSpan.FromMinutes(1), "b", "c").Report("b", GaveUp()).Settle();
        Assert.Empty(fleet.Claims);
        Assert.Equal(new HostId("c"), fleet.Record().Shadow);
        fleet.Report("a", FleetBuilder.Primary(guest: GuestState.Paused)).Settle();
        Assert.Equal(A, fleet.Record().Primary);
        // Nothing that was placed for the winner is forgotten where it is.
        Assert.All(new[] { "b", "c" }, host => Assert.Contains(fleet.Fleet.VmsOn(new HostId(host)),
            static vm => vm.Name.Value == "v"));
    }

    [Fact]
    public void A_copy_older_than_the_one_that_was_claimed_from_is_not_the_newest()
    {
        var fleet = Won().Report("a", FleetBuilder.Primary(generation: 0, guest: GuestState.Paused));
        Assert.Empty(fleet.Report("b", GaveUp()).Settle().Claims);
    }
}
