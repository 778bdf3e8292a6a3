using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Policy;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

public sealed class TakeoverPlannerTests
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Wait = LeaseRules.WitnessWait(Lease);
    private static readonly ProtectionPolicy Automatic = new() { Takeover = TakeoverMode.Automatic, Lease = Lease };

    // A pair on a and b, seeded, whose primary has confirmed the policy.
    private static FleetBuilder Pair(ProtectionPolicy policy) => new FleetBuilder().Host("a").Host("b").Host("c")
        .Vm("v", "a", shadow: "b", policy: policy).Change(Confirmed)
        .Report("a", FleetBuilder.Primary()).Report("b", FleetBuilder.Shadow()).Settle();

    private static VmRecord Confirmed(VmRecord vm) => vm.SeenByPrimary(RunsUnder(vm.Policy));

    private static VmStatus RunsUnder(ProtectionPolicy policy) => FleetBuilder.Primary() with
    {
        Lease = policy.Takeover == TakeoverMode.Automatic ? policy.Lease : null,
    };

    private static VmActionResult Consent(FleetBuilder fleet, TimeSpan silence, bool given = true) => new()
    {
        Id = fleet.Record().Action!.Action.Id, Succeeded = given, Detail = given ? "promised" : "the primary is heard",
        Generation = new Generation(1), Silence = silence, Epoch = new EpochNumber(7),
    };

    [Fact]
    public void A_dead_process_starts_an_automatic_takeover_with_the_shadows_consent()
    {
        var fleet = Pair(Automatic).Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        Assert.Equal(VmActionKind.TakeoverConsent, fleet.Assigned("b").Action!.Kind);
        Assert.Empty(fleet.Claims);
    }

    [Fact]
    public void After_the_consent_the_generation_is_claimed_for_the_shadow_which_is_then_told_to_run()
    {
        var fleet = Pair(Automatic).Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, TimeSpan.Zero))).Settle();
        Assert.Equal(new FenceClaim(new Generation(1), B, fleet.Claims[0].Request), Assert.Single(fleet.Claims));
        var assigned = fleet.Assigned("b");
        Assert.Equal((VmRole.Primary, new Generation(2)), (assigned.Role, assigned.Generation));
        Assert.Equal(VmActionKind.Takeover, assigned.Action!.Kind);
        Assert.Empty(fleet.Removed("a"));
        fleet.Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.Equal([new VmId("v")], fleet.Removed("a"));
    }

    [Fact]
    public void A_takeovers_consent_and_run_are_one_action_to_those_who_ask()
    {
        var fleet = Pair(Automatic).Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        string id = TakeoverPlanner.PublicId(fleet.Record().Action!.Action.Id);
        Assert.Null(FleetViews.Action(fleet.Record(), id)!.Result);
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, TimeSpan.Zero))).Settle();
        Assert.Null(FleetViews.Action(fleet.Record(), id)!.Result);
        var result = new VmActionResult { Id = id, Succeeded = true, Detail = "runs e7" };
        fleet.Report("b", FleetBuilder.Primary(generation: 2, results: result)).Settle();
        Assert.Same(result, FleetViews.Action(fleet.Record(), id)!.Result);
        Assert.Equal(new HostId("c"), fleet.Record().Shadow);
    }

    [Fact]
    public void A_word_about_an_older_generation_starts_nothing()
    {
        var fleet = Pair(Automatic).Report("a", FleetBuilder.Primary(generation: 0, guest: GuestState.Dead)).Settle();
        Assert.Null(fleet.Record().Action);
    }

    [Fact]
    public void Silence_starts_a_takeover_only_when_the_lease_has_run_out_at_the_controller()
    {
        var fleet = Pair(Automatic).Pass(Wait - TimeSpan.FromMilliseconds(1), "b", "c").Settle();
        Assert.Null(fleet.Record().Action);
        fleet.Pass(TimeSpan.FromMilliseconds(1), "b", "c").Settle();
        Assert.Equal(VmActionKind.TakeoverConsent, fleet.Record().Action!.Action.Kind);
    }

    [Fact]
    public void A_shadow_that_heard_the_primary_too_lately_wins_nothing()
    {
        var fleet = Pair(Automatic).Pass(Wait, "b", "c").Settle();
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, Wait - TimeSpan.FromMilliseconds(1)))).Settle();
        Assert.Empty(fleet.Claims);
        Assert.Equal(A, fleet.Record().Primary);
    }

    [Fact]
    public void A_shadow_that_heard_nothing_long_enough_wins()
    {
        var fleet = Pair(Automatic).Pass(Wait, "b", "c").Settle();
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, Wait))).Settle();
        Assert.Equal(B, fleet.Record().Primary);
    }

    [Fact]
    public void A_primary_heard_again_before_the_consent_arrives_keeps_the_VM()
    {
        var fleet = Pair(Automatic).Pass(Wait, "b", "c").Settle();
        fleet.Report("a", FleetBuilder.Primary());
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, Wait))).Settle();
        Assert.Equal(A, fleet.Record().Primary);
        Assert.Equal(B, fleet.Record().Shadow);

        // The pair goes on under the next generation, which the source claims: it alone knows that the VM lives.
        Assert.Empty(fleet.Claims);
        fleet.Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Pass(FleetTimes.TakeoverRetry, "a", "b")
            .Settle();
        Assert.Equal(VmActionKind.TakeoverConsent, fleet.Assigned("b").Action!.Kind);
    }

    [Theory]
    [InlineData(VmActionKind.Sync)]
    [InlineData(VmActionKind.Swap)]
    public void An_action_whose_VM_has_died_ends_and_the_takeover_begins(VmActionKind kind)
    {
        var fleet = Pair(Automatic).Change(vm => vm with
        {
            Action = new PendingAction(
                new VmAction("act", kind, "test"), A, vm.Ownership.Generation, FleetBuilder.Start),
        });
        fleet.Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        Assert.False(Assert.Single(fleet.Record().History).Result.Succeeded);
        Assert.Equal(VmActionKind.TakeoverConsent, fleet.Assigned("b").Action!.Kind);
    }

    [Fact]
    public void A_sync_of_a_VM_that_has_moved_meanwhile_ends_and_the_new_pair_is_made()
    {
        var fleet = Won().Change(vm => vm with
        {
            Action = new PendingAction(
                new VmAction("sync", VmActionKind.Sync, "test"), A, new Generation(1), FleetBuilder.Start),
        });
        fleet.Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.Null(fleet.Record().Action);
        Assert.NotNull(fleet.Record().Shadow);
    }

    [Fact]
    public void A_takeover_whose_VM_runs_is_done_though_the_agent_never_says_so()
    {
        var fleet = Pair(Automatic).Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, TimeSpan.Zero))).Settle();
        fleet.Report("b", FleetBuilder.Primary(generation: 2)).Settle();
        Assert.NotNull(fleet.Record().Action);
        fleet.Pass(FleetTimes.SwapResultGrace, "a", "b", "c").Settle();
        Assert.True(fleet.Record().History[^1].Result.Succeeded);
        Assert.NotNull(fleet.Record().Shadow);
    }

    // The shadow's host has won a swap's claim; the old primary keeps its copy, paused.
    private static FleetBuilder Won() => Pair(Automatic).Report("a", FleetBuilder.Primary(guest: GuestState.Paused))
        .Change(vm => vm.AfterFence(Fencing.Decide(vm.Ownership, new FenceClaim(new Generation(1), B, "swap"))))
        .Settle();

    [Fact]
    public void A_refused_consent_is_asked_for_again_only_after_a_while()
    {
        var fleet = Pair(Automatic).Pass(Wait, "b", "c").Settle();
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, TimeSpan.Zero, given: false))).Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Equal(new Generation(1), fleet.Record().Ownership.Generation);
        fleet.ClockSet = TimeSpan.FromDays(-1);
        fleet.Pass(FleetTimes.TakeoverRetry, "b", "c").Settle();
        Assert.NotNull(fleet.Record().Action);
    }

    [Fact]
    public void Manual_takeover_does_not_begin_by_itself()
    {
        var fleet = Pair(new ProtectionPolicy()).Report("a", FleetBuilder.Primary(guest: GuestState.Dead))
            .Pass(TimeSpan.FromHours(1), "b", "c").Settle();
        Assert.Null(fleet.Record().Action);
    }

    [Fact]
    public void Silence_proves_nothing_about_a_primary_without_a_lease()
    {
        var fleet = Pair(new ProtectionPolicy()).Pass(TimeSpan.FromHours(1), "b", "c");
        var verdict = TakeoverPlanner.MayTry(fleet.Fleet, fleet.Record(), saidOff: null);
        Assert.False(verdict.Allowed);
        Assert.Contains("the primary is not known to run under a lease", verdict.Reasons);
    }

    [Fact]
    public void A_BMCs_word_about_a_silent_primary_lets_the_shadow_run()
    {
        var fleet = Pair(new ProtectionPolicy()).Pass(TimeSpan.FromMinutes(1), "b", "c");
        Assert.Equal(ProofKind.PowerOff, TakeoverPlanner.MayTry(fleet.Fleet, fleet.Record(), null, A).Proof);
        Assert.False(TakeoverPlanner.MayTry(fleet.Fleet, fleet.Record(), null, B).Allowed);
        fleet.Change(vm => TakeoverPlanner.Begin(vm, "t", "test", ProofKind.PowerOff, null, fleet.UtcNow).Vm);
        Assert.True(fleet.Record().Action!.Action.ProvenOff);
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, TimeSpan.Zero))).Settle();
        Assert.Equal(B, Assert.Single(fleet.Claims).Claimant);
    }

    [Fact]
    public void A_primary_that_is_heard_again_voids_the_BMCs_word()
    {
        var fleet = Pair(new ProtectionPolicy());
        Assert.False(TakeoverPlanner.MayTry(fleet.Fleet, fleet.Record(), null, A).Allowed);
        fleet.Pass(TimeSpan.FromMinutes(1), "b", "c");
        fleet.Change(vm => TakeoverPlanner.Begin(vm, "t", "test", ProofKind.PowerOff, null, fleet.UtcNow).Vm);
        fleet.Report("a", FleetBuilder.Primary());
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, TimeSpan.Zero))).Settle();
        Assert.Equal(A, fleet.Record().Primary);
        Assert.DoesNotContain(fleet.Claims, static claim => claim.Claimant == B);
    }

    [Fact]
    public void A_person_who_names_the_primarys_host_is_believed()
    {
        var fleet = Pair(new ProtectionPolicy());
        Assert.True(TakeoverPlanner.MayTry(fleet.Fleet, fleet.Record(), A).Allowed);
        fleet.Change(vm => TakeoverPlanner.Begin(vm, "t", "test", ProofKind.PersonsWord, A, fleet.UtcNow).Vm);
        Assert.True(fleet.Record().Action!.Action.ProvenOff);
        fleet.Report("b", FleetBuilder.Shadow(results: Consent(fleet, TimeSpan.Zero))).Settle();
        Assert.Equal(B, fleet.Record().Primary);
    }

    [Fact]
    public void A_policy_that_the_primary_has_not_confirmed_is_no_lease()
    {
        var fleet = Pair(new ProtectionPolicy()).Change(static vm => vm.WithPolicy(Automatic));
        Assert.Null(fleet.Record().Lease);
        Assert.Null(fleet.Pass(TimeSpan.FromHours(1), "b", "c").Settle().Record().Action);
    }

    [Fact]
    public void While_a_shorter_lease_is_not_confirmed_the_longer_one_counts()
    {
        var record = Pair(Automatic).Record();
        var shorter = record.WithPolicy(Automatic with { Lease = TimeSpan.FromSeconds(1) });
        Assert.Equal(Lease, shorter.Lease);
        Assert.Equal(Lease, shorter.SeenByPrimary(RunsUnder(Automatic)).Lease);
        Assert.Equal(TimeSpan.FromSeconds(1), Confirmed(shorter).Lease);
        Assert.Null(record.WithPolicy(new ProtectionPolicy()).Lease);
        Assert.Null(Confirmed(record.WithoutShadow()).Lease);
    }

    [Fact]
    public void A_lease_that_the_primary_was_told_of_and_does_not_run_under_is_none()
    {
        var told = Pair(new ProtectionPolicy()).Record().WithPolicy(Automatic);
        Assert.Null(told.SeenByPrimary(FleetBuilder.Primary()).Lease);
        Assert.Null(told.SeenByPrimary(null).Lease);
        Assert.Null(told.SeenByPrimary(RunsUnder(Automatic) with { Generation = new Generation(0) }).Lease);
        Assert.Null(told.SeenByPrimary(RunsUnder(Automatic) with { Role = VmRole.Shadow }).Lease);
        Assert.Equal(Lease, Confirmed(told).Lease);
        Assert.Null(Confirmed(told).SeenByPrimary(FleetBuilder.Primary()).Lease);
    }

    [Fact]
    public void A_lease_of_an_earlier_policy_does_not_stand_for_one_that_is_not_in_force_yet()
    {
        var told = Pair(new ProtectionPolicy()).Record().WithPolicy(Automatic);
        Assert.Null(told.SeenByPrimary(RunsUnder(Automatic with { Lease = TimeSpan.FromSeconds(2) })).Lease);
    }

    [Fact]
    public void Without_an_epoch_or_a_heard_shadow_there_is_nothing_to_take_over()
    {
        var empty = Pair(Automatic).Report("b", FleetBuilder.Shadow(epoch: 0))
            .Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        Assert.Null(empty.Record().Action);
        var silent = Pair(Automatic).Pass(TimeSpan.FromMinutes(1), "a", "c");
        Assert.Contains("is not heard", TakeoverPlanner.MayTry(silent.Fleet, silent.Record(), A).Reasons[0]);
    }

    [Fact]
    public void A_VM_that_is_to_be_off_is_not_taken_over()
    {
        var fleet = Pair(Automatic).Change(static vm => vm with { Power = DesiredPower.Stopped })
            .Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        Assert.Null(fleet.Record().Action);
    }
}
