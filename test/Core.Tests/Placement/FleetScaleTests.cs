using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Core.Placement;
using Xunit;

namespace Umbra.Core.Tests.Placement;

/// <summary>
/// The controller looks at every VM four times a second, so a look must cost little. Memory taken stands for the work:
/// unlike time, it is the same on a busy machine.
/// </summary>
public sealed class FleetScaleTests
{
    private const int Hosts = 1000, Vms = 10_000, Kpis = 12;

    // A look at a VM that nothing speaks against.
    private const long BytesOfALookMax = 1024;

    [Fact]
    public void A_pass_over_ten_thousand_VMs_takes_no_more_memory_than_so_many_looks()
    {
        var fleet = Build();
        long first = Pass(fleet);
        long bytes = Pass(fleet);
        Assert.True(
            bytes <= Vms * BytesOfALookMax, $"a pass took {bytes} bytes, {bytes / Vms} a VM; the first took {first}");
    }

    [Fact]
    public void A_pass_in_which_every_host_is_suspected_moves_nothing_and_stays_in_bounds()
    {
        var fleet = Build(score: 1.5);
        foreach (var host in fleet.Fleet.Hosts) SuspicionPlanner.Note(fleet.Fleet, host, fleet.UtcNow);
        Pass(fleet);
        long bytes = Pass(fleet);
        Assert.All(fleet.Fleet.Vms, static vm => Assert.Null(vm.Action));
        Assert.True(bytes <= Vms * 6 * BytesOfALookMax, $"a pass took {bytes} bytes, {bytes / Vms} a VM");
    }

    [Fact]
    public void A_pass_in_which_no_host_can_hold_a_shadow_writes_no_reasons_that_nobody_reads()
    {
        var fleet = Build();
        for (int host = 0; host < Hosts; host++) fleet.Cordon($"h{host}");
        foreach (var vm in fleet.Fleet.Vms.ToList()) fleet.Fleet.Put(vm.WithoutShadow());
        long first = Pass(fleet);
        long bytes = Pass(fleet);
        Assert.True(
            bytes <= Vms * 2 * BytesOfALookMax,
            $"a pass took {bytes} bytes, {bytes / Vms} a VM; the first took {first}");
    }

    // As the controller's tick does it: the plan, what is decided, and how it is protected.
    private static long Pass(FleetBuilder fleet)
    {
        fleet.Pass(TimeSpan.FromMilliseconds(250));
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var vm in fleet.Fleet.Vms)
        {
            Assert.True(FleetPlanner.Step(fleet.Fleet, vm, fleet.UtcNow).ChangesNothingOf(vm));
            SuspicionPlanner.Look(fleet.Fleet, vm, fleet.UtcNow);
            FleetViews.StateOf(fleet.Fleet, vm);
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static FleetBuilder Build(double score = 0.2)
    {
        var fleet = new FleetBuilder();
        var statuses = new Dictionary<string, List<VmStatus>>();
        for (int host = 0; host < Hosts; host++)
        {
            fleet.Host($"h{host}", memory: 64 * Sizes.GiB);
            statuses[$"h{host}"] = [];
        }

        for (int n = 0; n < Vms; n++)
        {
            var (name, primary, shadow) = ($"v{n}", $"h{n % Hosts}", $"h{(n + 1 + (n / Hosts)) % Hosts}");
            fleet.Vm(name, primary, shadow);
            statuses[primary].Add(FleetBuilder.Primary(name));
            statuses[shadow].Add(FleetBuilder.Shadow(name) with { Drift = Drift(score) });
        }

        foreach (var (host, told) in statuses) fleet.Report(host, [.. told]);
        for (int host = 0; host < Hosts; host += 100)
            fleet.Fleet.Host(new HostId($"h{host}"))!.Report(fleet.Fleet.Now, Complaint($"h{host}", fleet.UtcNow));
        return fleet;
    }

    private static DriftStatus Drift(double score) => new()
    {
        State = DriftWatchState.Watching, Reason = "watching",
        Kpis =
        [
            .. Enumerable.Range(0, Kpis).Select(n => new KpiDrift
            {
                Kpi = $"disk.{n}", Score = score / (n + 1), Side = DriftSide.Primary, Explanation = "it is up",
            }),
        ],
    };

    private static HostHealth Complaint(string host, DateTimeOffset now) => new()
    {
        Events =
        [
            new HealthEvent
            {
                Host = new HostId(host), Component = "drive0", Kind = ComponentKind.Drive, Time = now,
                Severity = HealthSeverity.Warning, Source = "smart", Message = "it wears out",
            },
        ],
    };
}
