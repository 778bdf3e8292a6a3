using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Policy;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

/// <summary>What the planner makes of a swap's end, of suspicion, and of a rehearsal.</summary>
public sealed class SwapPlannerTests
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");
    private static readonly HostId C = new("c");

    [Fact]
    public void A_swaps_result_waits_for_the_new_primarys_announcement_and_has_it_among_its_phases()
    {
        var fleet = Swapped();
        var old = new VmActionResult
        {
            Id = "x", Succeeded = true, Detail = "done",
            Phases = [Phase("Pause", 5, 2), Phase("Resume", 7, 3), Phase("Isolate", 10, 40)],
        };
        var fresh = new VmActionResult
        {
            Id = "x", Succeeded = true, Detail = "runs", Phases = [Phase("Resume", 1, 2), Phase("Announce", 3, 4)],
        };
        fleet.Report("a", Gone(old)).Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.NotNull(fleet.Record().Action);
        fleet.Report("b", FleetBuilder.Primary(generation: 2, results: fresh)).Settle();
        Assert.Equal(
            [Phase("Pause", 5, 2), Phase("Resume", 7, 3), Phase("Announce", 10, 4), Phase("Isolate", 10, 40)],
            FleetViews.Action(fleet.Record(), "x")!.Result!.Phases);
        string told = Assert.Single(fleet.Events, static e => e.Kind == "swap.completed").Text;
        Assert.Contains("blackout 5.0 ms", told, StringComparison.Ordinal);
        Assert.Contains("Announce 4.0, Isolate 40.0", told, StringComparison.Ordinal);
    }

    [Fact]
    public void A_swaps_result_does_not_wait_for_ever_for_the_announcement()
    {
        var fleet = Swapped();
        var old = new VmActionResult { Id = "x", Succeeded = true, Detail = "done", Phases = [Phase("Resume", 7, 3)] };
        fleet.Report("a", Gone(old)).Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        fleet.Pass(FleetTimes.SwapResultGrace, "a", "b", "c").Settle();
        Assert.Equal(old.Phases, FleetViews.Action(fleet.Record(), "x")!.Result!.Phases);
    }

    [Fact]
    public void A_suspect_host_is_cordoned_once_it_has_lost_the_VM_and_gets_no_new_shadow()
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Swap, fleet, suspect: true) }).Settle();
        Assert.Null(fleet.Fleet.Host(A)!.Record.Cordon);
        fleet.Change(vm => vm.AfterFence(
            Fencing.Decide(vm.Ownership, new FenceClaim(new Generation(1), B, "x")))).Settle();
        Assert.Equal("v was moved away on suspicion: test", fleet.Fleet.Host(A)!.Record.Cordon);
        Assert.Equal(A, Assert.Single(fleet.Events, static e => e.Kind == "host.cordoned").Host);
        var result = new VmActionResult { Id = "x", Succeeded = true, Detail = "done" };
        // The third host is full: without the cordon the shadow would go to the suspect one.
        fleet.Host("c", memory: Sizes.MiB).Report("a", Gone(result))
            .Report("b", FleetBuilder.Primary(generation: 2, results: result)).Settle();
        Assert.Null(fleet.Record().Shadow);
        Assert.Contains("a is cordoned (v was moved", FleetViews.ProtectionOf(fleet.Fleet, fleet.Record()).Reason,
            StringComparison.Ordinal);
        Assert.Equal(C, fleet.Host("c").Settle().Record().Shadow);
    }

    [Fact]
    public void A_swap_without_suspicion_cordons_nothing() =>
        Assert.Null(Swapped().Fleet.Host(A)!.Record.Cordon);

    [Fact]
    public void A_rehearsal_tells_what_the_fleet_lacks_beside_what_the_pair_found()
    {
        var fleet = Running();
        fleet.Host("b", rack: "r-a", memory: Sizes.MiB).Cordon("b");
        fleet.Report("b", FleetBuilder.Shadow());
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.SwapRehearsal, fleet) });
        fleet.Report("a", FleetBuilder.Primary(results: new VmActionResult
        {
            Id = "x", Succeeded = true, Detail = "fine", Checks = [new ReadinessCheck("standby", true, "it answers")],
        })).Settle();
        var result = FleetViews.Action(fleet.Record(), "x")!.Result!;
        Assert.Equal((false, "the shadow's host b is cordoned (test)"), (result.Succeeded, result.Detail));
        Assert.Equal(
            [("hosts", true), ("cordon", false), ("capacity", false), ("domains", false), ("standby", true)],
            result.Checks.Select(static check => (check.Name, check.Holds)));
        Assert.Contains("shares rack r-a", result.Checks[3].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rehearsal_of_a_pair_in_order_succeeds()
    {
        var fleet = Running();
        Assert.All(SwapChecks.Of(fleet.Fleet, fleet.Record()), static check => Assert.True(check.Holds, check.Detail));
        fleet.Pass(FleetTimes.HostSilent, "a");
        Assert.Equal("the agent of b is not heard", SwapChecks.WhyNot(SwapChecks.Of(fleet.Fleet, fleet.Record())));
    }

    private static FleetBuilder Three() => new FleetBuilder().Host("a").Host("b").Host("c");

    // It runs on a and is mirrored on b.
    private static FleetBuilder Running() => Three().Vm("v", "a").Settle()
        .Report("a", FleetBuilder.Primary()).Report("b", FleetBuilder.Shadow()).Settle();

    // A swap from a to b whose fence is won.
    private static FleetBuilder Swapped()
    {
        var fleet = Three().Vm("v", "a").Settle();
        fleet.Change(vm => vm with { Action = Pending(VmActionKind.Swap, fleet) });
        return fleet.Change(vm => vm.AfterFence(
            Fencing.Decide(vm.Ownership, new FenceClaim(new Generation(1), B, "x")))).Settle();
    }

    private static VmStatus Gone(VmActionResult result) => new()
    {
        Vm = new VmId("v"), Role = VmRole.None, Generation = new Generation(2), Guest = GuestState.Absent,
        Results = [result],
    };

    private static PhaseTime Phase(string name, int start, int duration) =>
        new(name, TimeSpan.FromMilliseconds(start), TimeSpan.FromMilliseconds(duration));

    private static PendingAction Pending(VmActionKind kind, FleetBuilder fleet, bool suspect = false) =>
        new(new VmAction("x", kind, "test") { Suspect = suspect }, A, new Generation(1), fleet.UtcNow);
}
