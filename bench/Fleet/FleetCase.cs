using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Placement;
using Umbra.Core.Swap;

namespace Umbra.Bench.Fleet;

/// <summary>
/// One fleet whose hosts report and whose VMs are looked at. Reports are objects that are there already: reading them
/// off the network is none of this.
/// </summary>
internal sealed class FleetCase
{
    private const int Kpis = 12, LooksPerSecond = 4;

    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1.0 / LooksPerSecond);
    private static readonly DateTimeOffset s_start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly FleetState _fleet = new();
    private readonly HostId[] _hosts;
    private readonly List<VmId> _drifting = [];
    private readonly Dictionary<HostId, Dictionary<VmId, VmStatus>> _quiet = [], _told = [];

    public FleetCase(int vms, int hosts, int drifting)
    {
        _hosts = [.. Enumerable.Range(0, hosts).Select(static n => new HostId($"h{n}"))];
        foreach (var host in _hosts) Add(host, vms * 4L * Sizes.GiB / hosts);
        var (quiet, bad) = (Drift(0.2), Drift(1.5));
        for (int n = 0; n < vms; n++)
        {
            // VMs of one host have their shadows on different ones, and those that drift sit together on few hosts.
            int primary = (int)((long)n * hosts / vms);
            Add(new VmId($"v{n}"), _hosts[primary], _hosts[(primary + 1 + (n % (hosts - 1))) % hosts],
                quiet, n < drifting ? bad : quiet);
            if (n < drifting) _drifting.Add(new VmId($"v{n}"));
        }
    }

    /// <summary>Some seconds before there is anything to tell, then as many with it.</summary>
    public void Measure(string name, int seconds, BenchReport report)
    {
        for (int second = 0; second < 2; second++) Second(_quiet);
        long bytes = GC.GetAllocatedBytesForCurrentThread();
        var first = Second(_told);
        int undecided = _drifting.Count(IsUndecided);
        var (all, worst) = first;
        for (int second = 1; second < seconds; second++)
        {
            var (next, nextWorst) = Second(_told);
            all += next;
            if (nextWorst > worst) worst = nextWorst;
        }

        bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        report.Add(name, new Dictionary<string, double?>
        {
            ["coreSharePercent"] = Statistics.Round(100 * all.TotalSeconds / seconds),
            ["roundMaxMs"] = Statistics.Round(worst.TotalMilliseconds),
            ["decisionMaxMs"] = Statistics.Round((worst + s_look).TotalMilliseconds),
            ["swapsUnderWay"] = _fleet.SuspectSwaps,
            ["undecided"] = undecided,
            ["allocatedBytesPerSecond"] = Statistics.Round((double)bytes / seconds),
        });
    }

    // Neither is it being moved, nor is there a reason why it is not.
    private bool IsUndecided(VmId name) => _fleet.Vm(name) is { Action: null } vm
        && SuspicionPlanner.Look(_fleet, vm, UtcNow) is not { Step: >= SwapStep.Prepare };

    // A quarter of the hosts reports before each look, as those of a fleet do in no common beat. All of the evidence is
    // there in the first quarter.
    private (TimeSpan All, TimeSpan Worst) Second(Dictionary<HostId, Dictionary<VmId, VmStatus>> reports)
    {
        var (all, worst) = (TimeSpan.Zero, TimeSpan.Zero);
        for (int look = 0; look < LooksPerSecond; look++)
        {
            _fleet.AdvanceTo(_fleet.Now + s_look);
            long began = Stopwatch.GetTimestamp();
            var cpu = CpuTime();
            for (int n = 0; n < _hosts.Length; n++)
            {
                if (look == 0 || n % LooksPerSecond == look) Report(_hosts[n], reports);
            }

            foreach (var vm in _fleet.Vms.ToList()) Look(vm);
            cpu = CpuTime() - cpu;
            var took = Stopwatch.GetElapsedTime(began);
            all += cpu;
            if (took > worst) worst = took;
        }

        return (all, worst);
    }

    private static TimeSpan CpuTime() => Environment.CpuUsage.TotalTime;

    private DateTimeOffset UtcNow => s_start + _fleet.Now;

    private void Report(HostId name, Dictionary<HostId, Dictionary<VmId, VmStatus>> reports)
    {
        var host = _fleet.Host(name)!;
        host.Report(_fleet.Now, reports[name]);
        SuspicionPlanner.Note(_fleet, host, UtcNow);
    }

    private void Look(VmRecord vm)
    {
        while (FleetPlanner.Step(_fleet, vm, UtcNow) is var plan && !plan.ChangesNothingOf(vm))
        {
            _fleet.Put(plan.Vm);
            vm = plan.Vm;
        }

        FleetViews.StateOf(_fleet, vm);
        if (SuspicionPlanner.Look(_fleet, vm, UtcNow) is { } verdict) _fleet.Suspicions.IsNews(vm.Name, verdict);
    }

    private void Add(HostId name, long memory)
    {
        var host = new HostState(
            new HostRecord
            {
                Name = name, KeyFingerprint = name.Value, Joined = s_start,
                Description = new HostDescription
                {
                    Name = name, Rack = "r-" + name, PowerFeed = "f-" + name, NetworkSegment = "s-" + name,
                    PairEndpoint = name + ":7411", MemoryBytes = memory, Cpus = 64, Accelerators = ["tcg"],
                },
            },
            _fleet.Now);
        _fleet.Put(host);
        (_quiet[name], _told[name]) = ([], []);
    }

    private void Add(VmId name, HostId primary, HostId shadow, DriftStatus quiet, DriftStatus told)
    {
        _fleet.Put(new VmRecord
        {
            Definition = new VmDefinition { Name = name, MemoryBytes = Sizes.GiB },
            Policy = new ProtectionPolicy(),
            Ownership = new Ownership(new Generation(1), primary, "create"),
            Shadow = shadow,
        });
        _quiet[primary][name] = _told[primary][name] = new VmStatus
        {
            Vm = name, Role = VmRole.Primary, Generation = new Generation(1), Guest = GuestState.Running,
            Protection = ProtectionState.Protected, Reason = "epochs flow",
        };
        var status = new VmStatus
        {
            Vm = name, Role = VmRole.Shadow, Generation = new Generation(1), Guest = GuestState.Standby,
            Sync = new SyncStatus { Acknowledged = new EpochNumber(7) },
        };
        _quiet[shadow][name] = status with { Drift = quiet };
        _told[shadow][name] = status with { Drift = told };
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
}
