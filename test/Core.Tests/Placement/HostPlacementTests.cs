using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Core.Placement;
using Xunit;

namespace Umbra.Core.Tests.Placement;

public sealed class HostPlacementTests
{
    private static PlacementChoice ShadowOf(FleetBuilder fleet) =>
        HostPlacement.ChooseShadow(fleet.Fleet, fleet.Record(), fleet.UtcNow);

    private static string WhyNot(FleetBuilder fleet, string host) =>
        Assert.Single(ShadowOf(fleet).Refusals(), refusal => refusal.Host.Value == host).Reason;

    [Theory]
    [InlineData("r-a", null, null, "shares rack r-a with the primary's host a")]
    [InlineData(null, "f-a", null, "shares power feed f-a with the primary's host a")]
    [InlineData(null, null, "s-a", "shares network segment s-a with the primary's host a")]
    [InlineData("r-a", "f-a", null, "shares rack r-a and power feed f-a with the primary's host a")]
    public void A_host_that_shares_a_failure_domain_holds_no_shadow_and_says_which(
        string? rack, string? feed, string? segment, string reason)
    {
        var fleet = new FleetBuilder().Host("a").Host("b", rack, feed, segment).Vm("v", "a");
        Assert.Null(ShadowOf(fleet).Host);
        Assert.Equal(reason, WhyNot(fleet, "b"));
    }

    [Fact]
    public void A_host_whose_QEMU_does_not_know_the_machine_type_holds_no_shadow_and_says_which_it_has()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a")
            .Change(vm => vm with { Definition = vm.Definition with { Machine = "pc-q35-10.0" } });
        HostState host = fleet.Fleet.Host(new HostId("b"))!;
        host.Record = host.Record with
        {
            Description = host.Record.Description! with
            {
                QemuVersion = "QEMU emulator version 7.2.22",
                MachineTypes = ["pc-i440fx-7.2", "pc-q35-7.1", "pc-q35-7.2"],
            },
        };
        Assert.Null(ShadowOf(fleet).Host);
        Assert.Equal(
            "does not know the machine type pc-q35-10.0 (QEMU emulator version 7.2.22: it has pc-q35-7.1, pc-q35-7.2)",
            WhyNot(fleet, "b"));
        fleet.Change(vm => vm with { Definition = vm.Definition with { Machine = "pc-q35-7.2" } });
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
    }

    [Fact]
    public void A_host_in_other_domains_holds_the_shadow()
    {
        var choice = ShadowOf(new FleetBuilder().Host("a").Host("b").Vm("v", "a"));
        Assert.Equal(new HostId("b"), choice.Host);
        Assert.Equal("is the primary's", Assert.Single(choice.Refusals()).Reason);
    }

    [Fact]
    public void A_shadow_counts_as_much_memory_as_a_primary()
    {
        var fleet = new FleetBuilder().Host("a").Host("c").Host("b", memory: 2 * Sizes.GiB)
            .Vm("other", "c", shadow: "b", memory: Sizes.GiB + (512L * Sizes.MiB)).Vm("v", "a").Cordon("c");
        Assert.Equal("has 512 MiB of 2 GiB memory left, 1 GiB is needed", WhyNot(fleet, "b"));
    }

    [Fact]
    public void An_old_copy_of_another_VM_takes_memory_until_it_is_gone()
    {
        var fleet = new FleetBuilder().Host("a").Host("c").Host("b", memory: Sizes.GiB).Cordon("c")
            .Vm("other", "c").Vm("v", "a").Change(vm => vm.WithRemains(new HostId("b")), "other");
        Assert.Null(ShadowOf(fleet).Host);
        fleet.Change(vm => vm.WithoutRemains(new HostId("b")), "other");
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
    }

    [Fact]
    public void An_old_copy_of_the_same_VM_makes_room_for_its_new_shadow()
    {
        var fleet = new FleetBuilder().Host("a").Host("b", memory: Sizes.GiB).Vm("v", "a")
            .Change(vm => vm.WithRemains(new HostId("b")));
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
    }

    [Fact]
    public void A_new_shadow_rather_goes_where_no_old_copy_is_in_the_way()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Host("c").Vm("v", "a")
            .Change(vm => vm.WithRemains(new HostId("b")));
        Assert.Equal(new HostId("c"), ShadowOf(fleet).Host);
    }

    [Fact]
    public void The_host_with_the_most_memory_left_wins_and_then_the_first_by_name()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Host("c", memory: 9 * Sizes.GiB).Vm("v", "a");
        Assert.Equal(new HostId("c"), ShadowOf(fleet).Host);
        fleet.Vm("w", "c", memory: Sizes.GiB);
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
    }

    [Fact]
    public void A_host_that_another_VM_has_a_verdict_against_gets_nothing_new_while_there_is_a_better_one()
    {
        var fleet = new FleetBuilder().Host("a").Host("b", memory: 32 * Sizes.GiB).Host("c").Host("d").Cordon("d")
            .Vm("other", "b", shadow: "d").Vm("v", "a");
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
        fleet.Report("d", Watched("other", 0.9, DriftSide.Primary));
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
        fleet.Report("d", Watched("other", 1.2, DriftSide.Primary));
        Assert.Equal(new HostId("c"), ShadowOf(fleet).Host);
        Assert.Equal("is suspected (other there: disk.latency is up)", WhyNot(fleet, "b"));
        var placed = FleetPlanner.Step(fleet.Fleet, fleet.Record(), fleet.UtcNow);
        Assert.Equal(new HostId("c"), placed.Vm.Shadow);
        Assert.Equal(
            "its shadow goes to c, for b is suspected (other there: disk.latency is up)",
            Assert.Single(placed.Events).Text);
        Assert.Equal(
            new HostId("c"), HostPlacement.ChoosePrimary(fleet.Fleet, fleet.Record().Definition, fleet.UtcNow).Host);
    }

    [Fact]
    public void Of_suspected_hosts_the_one_with_the_least_against_it_holds_the_shadow_rather_than_none()
    {
        var fleet = new FleetBuilder().Host("a").Host("b", memory: 32 * Sizes.GiB).Host("c").Host("d").Cordon("d")
            .Vm("one", "b", shadow: "d").Vm("two", "d", shadow: "c").Vm("v", "a")
            .Report("d", Watched("one", 2, DriftSide.Primary)).Report("c", Watched("two", 1.1, DriftSide.Shadow));
        Assert.Equal(new HostId("c"), ShadowOf(fleet).Host);
        Assert.Equal("b", Assert.Single(ShadowOf(fleet).Suspects).Host.Value);
        fleet.Cordon("c");
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
        Assert.Empty(ShadowOf(fleet).Suspects);
    }

    [Fact]
    public void A_host_whose_hardware_complains_holds_a_shadow_only_where_there_is_no_other()
    {
        var fleet = new FleetBuilder().Host("a").Host("b", memory: 32 * Sizes.GiB).Host("c").Vm("v", "a");
        fleet.Fleet.Host(new HostId("b"))!.Report(fleet.Fleet.Now, Complaints("b", HealthSeverity.Warning, fleet));
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
        fleet.Fleet.Host(new HostId("b"))!.Report(fleet.Fleet.Now, Complaints("b", HealthSeverity.Critical, fleet));
        Assert.Equal(new HostId("c"), ShadowOf(fleet).Host);
        fleet.Cordon("c");
        Assert.Equal(new HostId("b"), ShadowOf(fleet).Host);
    }

    private static VmStatus Watched(string vm, double score, DriftSide side) => FleetBuilder.Shadow(vm) with
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

    private static HostHealth Complaints(string host, HealthSeverity severity, FleetBuilder fleet) => new()
    {
        Events =
        [
            new HealthEvent
            {
                Host = new HostId(host), Component = "drive0", Kind = ComponentKind.Drive, Time = fleet.UtcNow,
                Severity = severity, Source = "smart", Message = "it wears out",
            },
        ],
    };

    [Fact]
    public void A_cordoned_host_gets_nothing_new()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a").Cordon("b", "fan 2 is loud");
        Assert.Equal("is cordoned (fan 2 is loud)", WhyNot(fleet, "b"));
    }

    [Fact]
    public void A_silent_host_gets_nothing_new()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a").Pass(TimeSpan.FromSeconds(7), "a");
        Assert.Equal("is not heard (for 7 s)", WhyNot(fleet, "b"));
    }

    [Fact]
    public void A_host_that_only_joined_has_not_reported_yet()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a");
        var host = fleet.Fleet.Host(new HostId("b"))!;
        host.Record = host.Record with { Description = null };
        Assert.Equal("has not reported yet", WhyNot(fleet, "b"));
    }

    [Fact]
    public void A_host_without_the_accelerator_or_the_CPUs_says_so()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Host("c", cpus: 1, accelerators: ["kvm", "tcg"]).Vm("v", "a")
            .Change(vm => vm with { Definition = vm.Definition with { Accelerator = "kvm", Cpus = 2 } });
        Assert.Equal("does not offer kvm (only tcg)", WhyNot(fleet, "b"));
        Assert.Equal("has 1 CPUs, 2 are needed", WhyNot(fleet, "c"));
    }

    [Fact]
    public void The_explanation_names_every_host_with_its_own_reason()
    {
        var fleet = new FleetBuilder().Host("a").Host("b", rack: "r-a").Host("c").Cordon("c").Vm("v", "a");
        Assert.Equal(
            "a is the primary's; b shares rack r-a with the primary's host a; c is cordoned (test)",
            ShadowOf(fleet).Explain());
    }

    [Fact]
    public void An_empty_fleet_explains_itself_too()
    {
        var choice = HostPlacement.ChoosePrimary(
            new FleetState(), new VmDefinition { Name = new VmId("v") }, FleetBuilder.Start);
        Assert.Equal("the fleet has no host", choice.Explain());
    }

    [Fact]
    public void A_primary_goes_to_the_host_with_the_most_memory_left()
    {
        var fleet = new FleetBuilder().Host("a").Host("b", memory: 9 * Sizes.GiB).Host("c").Vm(
            "v", "b", memory: 4 * Sizes.GiB);
        Assert.Equal(
            new HostId("a"),
            HostPlacement.ChoosePrimary(fleet.Fleet, new VmDefinition { Name = new VmId("w") }, fleet.UtcNow).Host);
    }

    [Fact]
    public void Reserved_memory_follows_every_change_of_a_VM()
    {
        var fleet = new FleetBuilder().Host("a").Host("b").Vm("v", "a", shadow: "b");
        Assert.Equal(Sizes.GiB, fleet.Fleet.ReservedBytes(new HostId("b")));
        fleet.Change(vm => vm.WithoutShadow());
        Assert.Equal(0, fleet.Fleet.ReservedBytes(new HostId("b")));
        fleet.Fleet.Remove(new VmId("v"));
        Assert.Equal(0, fleet.Fleet.ReservedBytes(new HostId("a")));
        Assert.Empty(fleet.Fleet.VmsOn(new HostId("a")));
    }
}
