using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Placement;
using Umbra.Core.Policy;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

/// <summary>From what agents say to a swap that begins by itself.</summary>
public sealed class SuspicionPlannerTests
{
    [Fact]
    public void A_verdict_against_the_primary_begins_a_swap_that_cordons_its_host()
    {
        var fleet = Fleet().Report("b", Shadow(1.1)).Settle();
        var pending = fleet.Record().Action!;
        Assert.Equal(VmActionKind.Swap, pending.Action.Kind);
        Assert.True(pending.Action.Suspect);
        Assert.Equal(new HostId("a"), pending.Target);
        Assert.Contains(fleet.Events, static e => e.Kind == "swap.started" && e.Text.Contains("disk.latency"));

        fleet.Change(static vm => vm.AfterFence(
            new FenceAnswer(true, new Ownership(vm.Ownership.Generation.Next, new HostId("b"), "x")))).Settle();
        Assert.NotNull(fleet.Fleet.Host(new HostId("a"))!.Record.Cordon);
    }

    [Theory]
    [InlineData(0.99, DriftSide.Primary)]
    [InlineData(2, DriftSide.Shadow)]
    public void Less_than_a_verdict_or_one_against_the_shadow_moves_nothing(double score, DriftSide side) =>
        Assert.Null(Fleet().Report("b", Shadow(score, side)).Settle().Record().Action);

    [Fact]
    public void What_an_earlier_shadow_said_does_not_count()
    {
        var fleet = Fleet().Report("b", Shadow(2) with { Generation = new Generation(9) }).Settle();
        Assert.Null(fleet.Record().Action);
    }

    [Fact]
    public void A_swap_that_failed_is_not_tried_again_at_once_and_then_is()
    {
        var fleet = Fleet().Report("b", Shadow(1.1)).Settle();
        var failed = new VmActionResult
        {
            Id = fleet.Record().Action!.Action.Id, Succeeded = false, Detail = "the shadow was not ready",
        };
        fleet.Report("a", FleetBuilder.Primary(results: failed)).Settle();
        Assert.Null(fleet.Record().Action);
        fleet.Pass(TimeSpan.FromSeconds(29), "a", "b", "c").Settle();
        Assert.Null(fleet.Record().Action);
        fleet.Pass(TimeSpan.FromSeconds(2), "a", "b", "c").Settle();
        Assert.NotNull(fleet.Record().Action);
    }

    [Fact]
    public void Where_a_person_has_to_approve_it_waits_and_one_approval_moves_it_once()
    {
        var fleet = Fleet(SwapMode.Approve).Report("b", Shadow(1.1)).Settle();
        Assert.Null(fleet.Record().Action);
        var asked = SuspicionPlanner.Look(fleet.Fleet, fleet.Record(), fleet.UtcNow);
        Assert.Equal(SwapStep.AskPerson, asked!.Value.Step);
        fleet.Fleet.Suspicions.Approve(new VmId("v"), fleet.Fleet.Now);
        Assert.NotNull(fleet.Settle().Record().Action);
        Assert.False(fleet.Fleet.Suspicions.IsApproved(new VmId("v"), fleet.Fleet.Now));
    }

    [Fact]
    public void An_approval_ends_by_itself()
    {
        var book = new SuspicionBook();
        book.Approve(new VmId("v"), TimeSpan.Zero);
        Assert.True(book.IsApproved(new VmId("v"), SuspicionBook.ApprovalTime - TimeSpan.FromTicks(1)));
        Assert.False(book.IsApproved(new VmId("v"), SuspicionBook.ApprovalTime));
    }

    [Fact]
    public void All_hosts_suspected_at_once_move_nobody()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Host("c");
        (string Vm, string Primary, string Shadow)[] pairs = [("v", "a", "b"), ("w", "b", "c"), ("x", "c", "a")];
        foreach (var (vm, primary, shadow) in pairs) fleet.Vm(vm, primary, shadow);
        fleet.Report("a", FleetBuilder.Primary("v"), Shadow(0.9, vm: "x"));
        fleet.Report("b", FleetBuilder.Primary("w"), Shadow(0.9, vm: "v"));
        fleet.Report("c", FleetBuilder.Primary("x"), Shadow(0.9, vm: "w"));
        foreach (var (_, primary, _) in pairs) fleet.Fleet.Suspicions.Suspect(new HostId(primary), fleet.Fleet.Now);
        fleet.Report("b", FleetBuilder.Primary("w"), Shadow(1.2, vm: "v")).Settle();
        Assert.All(fleet.Fleet.Vms, static vm => Assert.Null(vm.Action));
        var verdict = SuspicionPlanner.Look(fleet.Fleet, fleet.Record(), fleet.UtcNow);
        Assert.Contains("shared cause", verdict!.Value.Reason);
    }

    [Fact]
    public void A_VM_that_moved_by_suspicion_waits_before_it_moves_again()
    {
        var fleet = Moved();
        fleet.Report("b", Shadow(1.5)).Settle();
        Assert.Null(fleet.Record().Action);
        fleet.Pass(TimeSpan.FromMinutes(1), "a", "b", "c").Settle();
        Assert.NotNull(fleet.Record().Action);
    }

    [Fact]
    public void Other_actions_do_not_shorten_the_wait_after_a_move()
    {
        var fleet = Moved();
        for (int n = 0; n < VmRecord.HistoryMax + 2; n++)
        {
            var sync = new PendingAction(
                new VmAction($"s{n}", VmActionKind.Sync, "wanted"), new HostId("a"), new Generation(1), fleet.UtcNow);
            fleet.Change(vm => (vm with { Action = sync }).WithResult(
                new VmActionResult { Id = sync.Action.Id, Succeeded = true, Detail = "done" }));
        }

        Assert.Equal(VmRecord.HistoryMax, fleet.Record().History.Count);
        Assert.Null(fleet.Report("b", Shadow(1.5)).Settle().Record().Action);
    }

    [Fact]
    public void A_wall_clock_that_is_set_does_not_shorten_the_wait_after_a_move()
    {
        var fleet = Fleet().Report("b", Shadow(1.1)).Settle();
        var done = new VmActionResult { Id = fleet.Record().Action!.Action.Id, Succeeded = true, Detail = "done" };
        fleet.Change(vm => vm.WithResult(done)).Pass(TimeSpan.FromMinutes(1), "a", "b", "c");
        fleet.ClockSet = TimeSpan.FromHours(2);
        Assert.Null(fleet.Settle().Record().Action);
        fleet.Pass(TimeSpan.FromMinutes(9), "a", "b", "c");
        Assert.NotNull(fleet.Settle().Record().Action);
    }

    [Theory]
    [InlineData("b", "c", DriftSide.Primary)]
    [InlineData("c", "b", DriftSide.Shadow)]
    public void A_VM_is_not_moved_where_another_ones_watch_has_a_verdict(
        string primary, string shadow, DriftSide side)
    {
        var fleet = Fleet().Vm("w", primary, shadow, policy: new ProtectionPolicy { Swap = SwapMode.Observe });
        fleet.Report("c", [primary == "c" ? FleetBuilder.Primary("w") : Shadow(1.2, side, "w")]);
        fleet.Report("b", Shadow(1.1), primary == "b" ? FleetBuilder.Primary("w") : Shadow(1.2, side, "w"));
        Assert.Null(fleet.Settle().Record().Action);
        var verdict = SuspicionPlanner.Look(fleet.Fleet, fleet.Record(), fleet.UtcNow)!.Value;
        Assert.Equal(SwapStep.Refuse, verdict.Step);
        Assert.Contains("w there", verdict.Reason);
    }

    [Fact]
    public void One_report_that_speaks_against_three_hosts_moves_nobody()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Host("c").Host("d");
        foreach (string host in (string[])["a", "b", "c"])
            fleet.Vm("v" + host, host, "d").Report(host, FleetBuilder.Primary("v" + host));
        fleet.Report("d", Shadow(1.2, vm: "va"), Shadow(1.2, vm: "vb"), Shadow(1.2, vm: "vc"));
        SuspicionPlanner.Note(fleet.Fleet, fleet.Fleet.Host(new HostId("d"))!, fleet.UtcNow);
        Assert.All(fleet.Settle().Fleet.Vms, static vm => Assert.Null(vm.Action));
    }

    [Fact]
    public void A_storm_lasts_as_long_as_its_hosts_are_suspected_and_holds_no_other_VM()
    {
        var book = new SuspicionBook();
        var (early, late) = (new HostId("a"), new HostId("d"));
        var now = TimeSpan.Zero;
        for (; now < 3 * DecisionLimits.StormWindow; now += TimeSpan.FromSeconds(1))
        {
            foreach (string host in (string[])["a", "b", "c"])
            {
                book.Suspect(new HostId(host), now);
                Assert.Equal(now == TimeSpan.Zero ? host[0] - 'a' + 1 : 3, book.HostsSuspectedWith(early, false, now));
            }
        }

        book.Suspect(late, now);
        Assert.Equal(1, book.HostsSuspectedWith(late, false, now));
        Assert.Equal(0, book.HostsSuspectedWith(early, false, now + (2 * DecisionLimits.StormWindow)));
    }

    [Theory]
    [InlineData(0.99, SwapStep.Refuse)]
    [InlineData(0.79, SwapStep.SyncFaster)]
    public void A_host_that_falls_silent_under_high_suspicion_is_more_than_a_silent_host(double score, SwapStep step)
    {
        var fleet = Fleet().Report("b", Shadow(score)).Settle();
        Assert.Equal(SwapStep.SyncFaster, Step(fleet));
        fleet.Pass(FleetTimes.HostSilent, "b", "c").Settle();
        Assert.Equal(step, Step(fleet));
        Assert.Null(fleet.Record().Action);
        // Heard again, it is suspected like any other.
        fleet.Pass(TimeSpan.FromSeconds(1), "a", "b", "c").Settle();
        Assert.Equal(SwapStep.SyncFaster, Step(fleet));
    }

    [Fact]
    public void What_is_found_against_a_host_in_its_silence_is_not_what_it_fell_silent_under()
    {
        var fleet = Fleet().Report("b", Shadow(0.5)).Settle();
        fleet.Pass(TimeSpan.FromSeconds(4), "b", "c").Report("b", Shadow(0.95)).Settle();
        fleet.Pass(FleetTimes.HostSilent, "b", "c").Settle();
        Assert.Equal(SwapStep.SyncFaster, Step(fleet));
    }

    [Fact]
    public void What_was_held_against_the_host_that_a_VM_has_left_is_nothing_against_its_new_one()
    {
        var book = new SuspicionBook();
        var (vm, a, b) = (new VmId("v"), new HostId("a"), new HostId("b"));
        book.NoteHeard(vm, a, TimeSpan.FromSeconds(9), new Suspicion(0.9, false, "why"));
        Assert.Equal(0.9, book.LastWordAgainst(vm, a)!.Weight);
        Assert.Null(book.LastWordAgainst(vm, b));
        book.NoteHeard(vm, b, TimeSpan.FromSeconds(1), Suspicion.None);
        Assert.Equal(0, book.LastWordAgainst(vm, b)!.Weight);
        book.Forget(vm);
        Assert.Null(book.LastWordAgainst(vm, b));
    }

    [Fact]
    public void A_silent_host_that_was_suspected_is_cordoned_when_its_VM_is_taken_over_by_the_lease()
    {
        var fleet = Leased().Report("b", Shadow(0.99)).Settle();
        fleet.Pass(LeaseRules.WitnessWait(Lease), "b", "c").Settle();
        var asked = fleet.Record().Action!;
        Assert.Equal(VmActionKind.TakeoverConsent, asked.Action.Kind);
        Assert.Contains("a fell silent under a suspicion of 0.99", asked.Action.Reason);
        Assert.Null(fleet.Fleet.Host(new HostId("a"))!.Record.Cordon);
        var consent = new VmActionResult
        {
            Id = asked.Action.Id, Succeeded = true, Detail = "promised", Generation = new Generation(1),
            Silence = LeaseRules.WitnessWait(Lease), Epoch = new EpochNumber(7),
        };
        fleet.Report("b", FleetBuilder.Shadow(results: consent)).Settle();
        Assert.Equal(new HostId("b"), Assert.Single(fleet.Claims).Claimant);
        Assert.Contains("0.99", fleet.Fleet.Host(new HostId("a"))!.Record.Cordon);
        Assert.Contains(fleet.Events, static e => e.Kind == "host.cordoned" && e.Host == new HostId("a"));
    }

    [Fact]
    public void A_process_that_died_says_nothing_against_its_host()
    {
        var fleet = Leased().Report("b", Shadow(0.99)).Settle();
        fleet.Report("a", FleetBuilder.Primary(guest: GuestState.Dead)).Settle();
        Assert.Equal(VmActionKind.TakeoverConsent, fleet.Record().Action!.Action.Kind);
        Assert.False(fleet.Record().Action!.Action.Suspect);
    }

    [Fact]
    public void No_swap_begins_where_a_takeover_is_due_and_was_refused_for_now()
    {
        var fleet = Leased().Report("b", Shadow(0.9)).Settle();
        fleet.Pass(LeaseRules.WitnessWait(Lease), "b", "c").Settle();
        var asked = fleet.Record().Action!;
        // The shadow still hears the primary, of which the controller has heard nothing for a lease.
        var heard = new VmActionResult { Id = asked.Action.Id, Succeeded = false, Detail = "the primary was heard" };
        fleet.Report("b", Shadow(1.2) with { Results = [heard] }).Settle();
        Assert.Null(fleet.Record().Action);
        Assert.Equal(VmActionKind.TakeoverConsent, Assert.Single(fleet.Record().History).Pending.Action.Kind);
        Assert.Equal(SwapStep.Prepare, Step(fleet));
        // Heard again it can be asked, and is.
        fleet.Pass(TimeSpan.FromSeconds(1), "a", "b", "c").Settle();
        Assert.Equal(VmActionKind.Swap, fleet.Record().Action!.Action.Kind);
    }

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);

    // Its primary runs under a lease.
    private static FleetBuilder Leased()
    {
        var policy = new ProtectionPolicy { Takeover = TakeoverMode.Automatic, Lease = Lease };
        return Fleet().Change(vm => vm.WithPolicy(policy))
            .Change(static vm => vm.SeenByPrimary(FleetBuilder.Primary() with { Lease = Lease }));
    }

    private static SwapStep Step(FleetBuilder fleet) =>
        SuspicionPlanner.Look(fleet.Fleet, fleet.Record(), fleet.UtcNow)!.Value.Step;

    private static FleetBuilder Moved() => Fleet().Change(static vm => vm with
    {
        History =
        [
            new FinishedAction(
                new PendingAction(
                    new VmAction("s", VmActionKind.Swap, "why") { Suspect = true }, new HostId("c"),
                    new Generation(1), FleetBuilder.Start.AddMinutes(-9)),
                new VmActionResult { Id = "s", Succeeded = true, Detail = "done" }),
        ],
    });

    private static FleetBuilder Fleet(SwapMode mode = SwapMode.Auto) => new FleetBuilder()
        .Host("a").Host("b").Host("c")
        .Vm("v", "a", "b", policy: new ProtectionPolicy { Swap = mode })
        .Report("a", FleetBuilder.Primary());

    private static VmStatus Shadow(double score, DriftSide side = DriftSide.Primary, string vm = "v") =>
        FleetBuilder.Shadow(vm) with
        {
            Drift = new DriftStatus
            {
                State = DriftWatchState.Watching, Reason = "watching",
                Kpis =
                [
                    new KpiDrift
                    {
                        Kpi = "disk.latency", Score = score, Side = side, Explanation = "disk.latency is up",
                    },
                ],
            },
        };
}
