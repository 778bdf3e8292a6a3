using System.Diagnostics;
using Umbra.Agent.Sensors;
using Umbra.Bench.Guests;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Linux.Machine;

namespace Umbra.Bench.Large;

/// <summary>One size after another, then the growth from the smallest to each.</summary>
internal sealed class LargeRun(IReadOnlyList<long> sizes, Workload workload, TimeSpan time, BenchReport report)
{
    private const double PromisedMiB = 64, PromisedMiBPerGiB = 8;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private readonly List<(double GiB, double Source, double Shadow)> _memory = [];

    public async Task RunAsync()
    {
        foreach (long bytes in sizes)
        {
            // A lab of its own for each size: what an agent took for the guest before would count for this one too.
            await using GuestLab lab = await GuestLab.CreateAsync(hosts: 2, bytes);
            Progress.Say($"{bytes / Sizes.MiB} MiB: booting");
            VmView vm = await lab.CreateVmAsync(workload, bytes, bytes / 2);
            report.Accelerator = vm.Definition.Accelerator;
            HostView host = (await lab.Fleet.FleetAsync()).Hosts.Single(one => one.Name == vm.Primary);
            report.QemuVersion = host.Description!.QemuVersion;
            await MeasureAsync(lab, bytes);
        }

        AddGrowth();
    }

    private async Task MeasureAsync(GuestLab lab, long bytes)
    {
        double gib = bytes / (double)Sizes.GiB;
        LabHost source = await lab.PrimaryAsync();
        LabHost shadow = lab.Lab.Hosts.Single(host => host != source);
        double bare = await lab.SpeedAsync(workload, time / 2);
        double before = OwnMiB(source);
        TimeSpan cpu = Machine.CpuTime(source.Agent.Id), shadowCpu = Machine.CpuTime(shadow.Agent.Id);
        long operations = await lab.OperationsAsync(workload);
        long start = Stopwatch.GetTimestamp();
        SyncStatus seeded = (await lab.ProtectAsync(s_interval)).PrimaryStatus!.Sync;
        double whole = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double seeding = (await lab.OperationsAsync(workload) - operations)
            / Stopwatch.GetElapsedTime(start).TotalSeconds;
        cpu = Machine.CpuTime(source.Agent.Id) - cpu;
        shadowCpu = Machine.CpuTime(shadow.Agent.Id) - shadowCpu;
        double speed = await lab.SpeedAsync(workload, time);
        SyncStatus after = (await lab.Fleet.VmAsync(GuestLab.Vm)).PrimaryStatus!.Sync;
        double seconds = seeded.SeedTime.TotalSeconds;
        (double GiB, double Source, double Shadow) memory = (gib, OwnMiB(source), OwnMiB(shadow));
        _memory.Add(memory);
        report.Add($"{bytes / Sizes.MiB} MiB", new Dictionary<string, double?>
        {
            ["seedSeconds"] = Statistics.Round(seconds),
            ["seedSecondsPerGiB"] = Statistics.Round(seconds / gib),
            ["seedWireMBs"] = Statistics.Round(seeded.WireBytes / seconds / 1e6),
            ["seedRawMBs"] = Statistics.Round(seeded.RawBytes / seconds / 1e6),
            ["seedCpuSeconds"] = Statistics.Round(cpu.TotalSeconds),
            ["seedShadowCpuSeconds"] = Statistics.Round(shadowCpu.TotalSeconds),
            ["protectSeconds"] = Statistics.Round(whole),
            ["seedSlowdownPercent"] = Slowdown(seeding, bare), ["slowdownPercent"] = Slowdown(speed, bare),
            ["scanCopyMs"] = Statistics.Round(after.Pause.ScanCopyMs),
            ["pauseP50Ms"] = Statistics.Round(after.Pause.P50Ms), ["pauseP99Ms"] = Statistics.Round(after.Pause.P99Ms),
            ["agentBeforeMiB"] = Statistics.Round(before), ["agentMiB"] = Statistics.Round(memory.Source),
            ["shadowAgentMiB"] = Statistics.Round(memory.Shadow), ["promisedMiB"] = Statistics.Round(Promised(gib)),
            ["canaryMiB"] = Statistics.Round(CanaryMiB()),
        }, $"{after.Tracker}, {workload.Name}");
    }

    // What lies in all of them drops out of the difference: the runtime, the canary, a full cache.
    private void AddGrowth()
    {
        (double GiB, double Source, double Shadow) first = _memory[0];
        foreach ((double gib, double source, double shadow) in _memory.Where(one => one.GiB > first.GiB))
        {
            double more = gib - first.GiB;
            report.Add($"growth to {gib * 1024:0} MiB", new Dictionary<string, double?>
            {
                ["agentMiBPerGiB"] = Statistics.Round((source - first.Source) / more),
                ["shadowAgentMiBPerGiB"] = Statistics.Round((shadow - first.Shadow) / more),
            }, "from the first size on");
        }
    }

    private static double? Slowdown(double speed, double bare) =>
        bare <= 0 ? null : Statistics.Round(100 * (1 - (speed / bare)));

    private static double OwnMiB(LabHost host) => Machine.AnonymousBytes(host.Agent.Id) / (double)Sizes.MiB;

    private static double CanaryMiB() => HostCanary.RingBytes(CpuTopology.LastCacheBytes(0)) / (double)Sizes.MiB;

    private static double Promised(double gib) => PromisedMiB + (PromisedMiBPerGiB * gib)
        + (new ProtectionPolicy().ReferenceCacheBytes / (double)Sizes.MiB) + CanaryMiB();
}
