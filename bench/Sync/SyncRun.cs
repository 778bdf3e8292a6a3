using System.Diagnostics;
using Umbra.Bench.Guests;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Sync;

/// <summary>The cases in order: for each workload its guest unprotected, the floor, then each interval.</summary>
internal sealed class SyncRun(SyncPlan plan, BenchReport report)
{
    // What the runs are compared by, by case.
    private static readonly string[] s_compared = ["pauseP50Ms", "floorRatio", "wireRatio", "slowdownPercent"];

    private readonly Dictionary<string, List<Dictionary<string, double?>>> _cases = [];
    private string _run = "";

    public async Task RunAsync()
    {
        for (int run = 1; run <= plan.Runs; run++)
        {
            _run = plan.Runs > 1 ? $", run {run}" : "";
            await RunOnceAsync();
        }

        foreach ((string name, List<Dictionary<string, double?>> runs) in _cases)
        {
            if (runs.Count > 1) report.Add(name + ", spread", Spread(runs), $"least and most of {runs.Count} runs");
        }
    }

    private async Task RunOnceAsync()
    {
        await using GuestLab lab = await GuestLab.CreateAsync(hosts: 3);
        foreach (Workload workload in plan.Workloads)
        {
            Progress.Say($"{workload.Name}: booting ({workload.Note})");
            VmView vm = await lab.CreateVmAsync(workload, plan.MemoryBytes);
            report.Accelerator = vm.Definition.Accelerator;
            HostView host = (await lab.Fleet.FleetAsync()).Hosts.Single(one => one.Name == vm.Primary);
            report.QemuVersion = host.Description!.QemuVersion;
            FloorFigures floor = await FloorAsync(lab, workload);
            foreach (TimeSpan interval in plan.Intervals)
            {
                foreach (DiskMode mode in plan.DiskModes) await MeasureAsync(lab, workload, interval, mode, floor);
            }

            await lab.RemoveVmAsync();
        }
    }

    // The monitor has one client at a time: the agent is killed, which its guest does not notice, and started again.
    private async Task<FloorFigures> FloorAsync(GuestLab lab, Workload workload)
    {
        LabHost host = await lab.PrimaryAsync();
        host.KillAgent();
        string directory = GuestLab.DirectoryOf(host);
        FloorFigures floor = await PauseFloor.MeasureAsync(
            Path.Combine(directory, GuestLab.Monitor), Path.Combine(directory, "floor"), plan.FloorRounds);
        host.StartAgent();
        await lab.Fleet.WaitForVmAsync(
            GuestLab.Vm, "to be looked after again",
            vm => vm.Guest == GuestState.Running && vm.Protection == ProtectionState.Unprotected, GuestLab.Patience);
        report.Add($"{workload.Name} floor{_run}", new Dictionary<string, double?>
        {
            ["pauseMeanMs"] = floor.Pause.Mean, ["pauseP50Ms"] = floor.Pause.P50, ["pauseP99Ms"] = floor.Pause.P99,
            ["stopMs"] = Statistics.Round(floor.StopMs), ["deviceStateMs"] = Statistics.Round(floor.SaveMs),
            ["contMs"] = Statistics.Round(floor.ContMs), ["askMs"] = Statistics.Round(floor.AskMs),
        }, "bare stop, device state, cont");
        return floor;
    }

    private async Task MeasureAsync(
        GuestLab lab, Workload workload, TimeSpan interval, DiskMode mode, FloorFigures floor)
    {
        // Before and after, because others use the machine too.
        double bare = await lab.SpeedAsync(workload, plan.Time / 2);
        await lab.ProtectAsync(interval, mode);
        LabHost host = await lab.PrimaryAsync();
        if (plan.LinkBytesPerSecond > 0) host.LimitManagement(plan.LinkBytesPerSecond);
        long events = (await lab.Fleet.EventsAsync(0)).Events[^1].Number;
        int agent = host.Agent.Id;
        SyncStatus before = await StatusAsync(lab);
        TimeSpan cpu = Machine.CpuTime(agent);
        long start = Stopwatch.GetTimestamp();
        Task<int> comparing = CompareAsync(lab);
        double speed = await lab.SpeedAsync(workload, plan.Time);
        int compares = await comparing;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double cpuSeconds = (Machine.CpuTime(agent) - cpu).TotalSeconds;
        long resident = Machine.ResidentOwnBytes(agent);
        SyncStatus after = await StatusAsync(lab);
        int resyncs = (await lab.Fleet.EventsAsync(events)).Events.Count(e => e.Kind == "sync.resync");
        if (plan.LinkBytesPerSecond > 0) host.UnlimitManagement();
        await lab.UnprotectAsync();
        bare = (bare + await lab.SpeedAsync(workload, plan.Time / 2)) / 2;
        long epochs = after.Epochs - before.Epochs;
        long raw = after.RawBytes - before.RawBytes;
        long wire = after.WireBytes - before.WireBytes;
        long replaced = after.DiskReplacedBytes - before.DiskReplacedBytes;
        long diskRaw = after.DiskRawBytes - before.DiskRawBytes;
        long diskWire = after.DiskWireBytes - before.DiskWireBytes;
        PauseStatistics pause = after.Pause;
        string name = $"{workload.Name} {interval.TotalMilliseconds:0} ms"
            + (mode == DiskMode.Mirror ? "" : ", " + mode.ToString().ToLowerInvariant());
        var figures = new Dictionary<string, double?>
        {
            ["pauseMeanMs"] = Statistics.Round(pause.MeanMs), ["pauseP50Ms"] = Statistics.Round(pause.P50Ms),
            ["pauseP99Ms"] = Statistics.Round(pause.P99Ms), ["stopMs"] = Statistics.Round(pause.StopMs),
            ["scanCopyMs"] = Statistics.Round(pause.ScanCopyMs),
            ["deviceStateMs"] = Statistics.Round(pause.DeviceStateMs), ["contMs"] = Statistics.Round(pause.ContMs),
            ["floorRatio"] = Statistics.Round(pause.P50Ms / floor.Pause.P50),
            ["epochs"] = epochs, ["resyncs"] = resyncs,
            ["intervalMs"] = epochs == 0 ? null : Statistics.Round(1000 * seconds / epochs),
            ["rawPagesPerEpoch"] = epochs == 0 ? null : Statistics.Round(raw / (double)epochs / Sizes.Page),
            ["rawMBs"] = Statistics.Round(raw / seconds / 1e6), ["wireMBs"] = Statistics.Round(wire / seconds / 1e6),
            ["diskWrittenMBs"] = Statistics.Round((diskRaw + replaced) / seconds / 1e6),
            ["diskSentMBs"] = Statistics.Round(diskRaw / seconds / 1e6),
            ["diskWireMBs"] = Statistics.Round(diskWire / seconds / 1e6),
            ["pageRawMBs"] = Statistics.Round((raw - diskRaw) / seconds / 1e6),
            ["pageWireMBs"] = Statistics.Round((wire - diskWire) / seconds / 1e6),
            ["sentRatio"] = wire == 0 ? null : Statistics.Round(raw / (double)wire),
            ["wireRatio"] = wire == 0 ? null : Statistics.Round((raw + replaced) / (double)wire),
            ["agentCpuPercent"] = Statistics.Round(100 * cpuSeconds / seconds),
            ["agentMiB"] = Statistics.Round(resident / (double)Sizes.MiB),
            ["operationsPerSecond"] = Statistics.Round(speed),
            ["slowdownPercent"] = bare <= 0 ? null : Statistics.Round(100 * (1 - (speed / bare))),
        };
        if (plan.Compares > 0) figures["comparesEqual"] = compares;
        report.Add(name + _run, figures);
        if (!_cases.TryGetValue(name, out List<Dictionary<string, double?>>? runs)) _cases.Add(name, runs = []);
        runs.Add(figures);
    }

    // A compare that finds a difference fails the command, and with it the benchmark.
    private async Task<int> CompareAsync(GuestLab lab)
    {
        for (int i = 0; i < plan.Compares; i++) await lab.Lab.UmbraAsync("vm", "verify", GuestLab.Vm.Value);
        return plan.Compares;
    }

    private static Dictionary<string, double?> Spread(List<Dictionary<string, double?>> runs)
    {
        var spread = new Dictionary<string, double?>();
        foreach (string figure in s_compared)
        {
            spread[figure + "Min"] = runs.Min(run => run[figure]);
            spread[figure + "Max"] = runs.Max(run => run[figure]);
        }

        return spread;
    }

    private static async Task<SyncStatus> StatusAsync(GuestLab lab) =>
        (await lab.Fleet.VmAsync(GuestLab.Vm)).PrimaryStatus!.Sync;
}
