using Umbra.Core.Api;
using Umbra.Core.Decisions;
using Xunit;

namespace Umbra.Core.Tests.Decisions;

/// <summary>What is done with a VM whose hardware may be going.</summary>
public sealed class SwapDecisionTests
{
    private static readonly SwapInputs Clear = new()
    {
        Mode = SwapMode.Auto, Primary = new Suspicion(1.2, true, "disk.latency drifts"), Shadow = Suspicion.None,
        IntervalMax = TimeSpan.FromSeconds(5), SuspectedHosts = 1, FleetHosts = 3,
    };

    [Theory]
    [InlineData(0, false, SwapStep.Hold)]
    [InlineData(0.49, false, SwapStep.Hold)]
    [InlineData(0, true, SwapStep.SyncFaster)]
    [InlineData(0.5, false, SwapStep.SyncFaster)]
    [InlineData(0.99, true, SwapStep.SyncFaster)]
    [InlineData(1, true, SwapStep.Swap)]
    public void A_hint_makes_epochs_faster_and_a_verdict_moves_the_VM(double weight, bool hint, SwapStep step) =>
        Assert.Equal(step, Decide(Clear with { Primary = new Suspicion(weight, hint, "why") }));

    [Theory]
    [InlineData(0.95, SwapStep.Swap)]
    [InlineData(0.97, SwapStep.Refuse)]
    [InlineData(3, SwapStep.Refuse)]
    public void No_VM_is_moved_onto_hardware_that_is_no_better_not_even_with_approval(double shadow, SwapStep step)
    {
        var inputs = Clear with { Shadow = new Suspicion(shadow, false, "its fan fails") };
        Assert.Equal(step, Decide(inputs));
        Assert.Equal(step, Decide(inputs with { Approved = true }));
    }

    [Theory]
    [InlineData(0.99, SwapStep.Swap)]
    [InlineData(1, SwapStep.Refuse)]
    public void No_VM_is_moved_onto_hardware_with_a_verdict_however_bad_its_own_is(double shadow, SwapStep step) =>
        Assert.Equal(step, Decide(Clear with
        {
            Primary = new Suspicion(1.5, true, "why"),
            Shadow = new Suspicion(shadow, false, "its fan fails"),
        }));

    [Fact]
    public void What_passes_by_itself_is_waited_for_and_what_does_not_is_refused()
    {
        var seeding = Clear with { Obstacle = "the shadow is being seeded", ObstaclePasses = true };
        Assert.Equal(SwapStep.Prepare, Decide(seeding));
        Assert.Equal(SwapStep.Refuse, Decide(seeding with { ObstaclePasses = false }));
        Assert.Equal(SwapStep.Prepare, Decide(Clear with { Lag = TimeSpan.FromSeconds(10.1) }));
        Assert.Equal(SwapStep.Swap, Decide(Clear with { Lag = TimeSpan.FromSeconds(10) }));
    }

    [Theory]
    [InlineData(SwapMode.Observe)]
    [InlineData(SwapMode.Approve)]
    public void Where_the_policy_says_so_a_person_is_asked_and_his_approval_moves_the_VM(SwapMode mode)
    {
        Assert.Equal(SwapStep.AskPerson, Decide(Clear with { Mode = mode }));
        Assert.Equal(SwapStep.Swap, Decide(Clear with { Mode = mode, Approved = true }));
    }

    [Theory]
    [InlineData(2, 3, SwapStep.Swap)]
    [InlineData(3, 3, SwapStep.AskPerson)]
    [InlineData(3, 30, SwapStep.AskPerson)]
    [InlineData(9, 100, SwapStep.Swap)]
    [InlineData(10, 100, SwapStep.AskPerson)]
    public void Many_hosts_suspected_at_once_are_a_shared_cause_and_a_person_is_asked(
        int hosts, int fleet, SwapStep step)
    {
        var inputs = Clear with { SuspectedHosts = hosts, FleetHosts = fleet };
        Assert.Equal(step, Decide(inputs));
        Assert.Equal(SwapStep.Swap, Decide(inputs with { Approved = true }));
    }

    [Fact]
    public void A_VM_that_was_just_moved_is_not_moved_again_by_itself()
    {
        Assert.Equal(SwapStep.AskPerson, Decide(Clear with { SinceLastSwap = TimeSpan.FromMinutes(9.9) }));
        Assert.Equal(SwapStep.Swap, Decide(Clear with { SinceLastSwap = TimeSpan.FromMinutes(10) }));
    }

    [Fact]
    public void Only_so_many_move_at_once_and_the_others_wait_their_turn()
    {
        Assert.Equal(SwapStep.Swap, Decide(Clear with { SwapsUnderWay = 3 }));
        Assert.Equal(SwapStep.Prepare, Decide(Clear with { SwapsUnderWay = 4 }));
    }

    [Fact]
    public void Every_decision_to_move_or_not_says_what_it_rests_on()
    {
        Assert.Equal("disk.latency drifts", SwapDecision.Decide(Clear).Reason);
        Assert.Contains("disk.latency drifts", SwapDecision.Decide(Clear with { Mode = SwapMode.Approve }).Reason);
        var worse = Clear with { Shadow = new Suspicion(2, false, "its fan fails") };
        Assert.Contains("its fan fails", SwapDecision.Decide(worse).Reason);
    }

    [Fact]
    public void A_host_that_fell_silent_under_suspicion_is_told_of_and_left_to_the_takeover_or_a_person()
    {
        var silent = Clear with { LastWord = new Suspicion(0.99, false, "memory.latency is up") };
        var left = SwapDecision.Decide(silent);
        Assert.Equal(SwapStep.Refuse, left.Step);
        Assert.Contains("fell silent under a suspicion of 0.99 (memory.latency is up)", left.Reason);
        Assert.Contains("a person or its BMC", left.Reason);
        var taken = SwapDecision.Decide(silent with { TakeoverWaitsFor = "the lease has not run out" });
        Assert.Equal(SwapStep.Prepare, taken.Step);
        Assert.Contains("taken over by itself: the lease has not run out", taken.Reason);
        // An approval is about a swap, which nobody could carry out.
        Assert.Equal(SwapStep.Refuse, Decide(silent with { Approved = true }));
    }

    private static SwapStep Decide(SwapInputs inputs) => SwapDecision.Decide(inputs).Step;
}
