using System.Diagnostics;
using System.Globalization;
using Umbra.Bench.Guests;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Takeover;

/// <summary>Takeovers in a row, each checked.</summary>
internal sealed class TakeoverRun(
    int takeovers, TimeSpan interval, Workload workload, long memoryBytes, BenchReport report)
{
    private const string Started = "takeover.started";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);

    private readonly List<double> _sinceProof = [];
    private readonly List<double> _sinceKill = [];
    private long _errors;

    public async Task RunAsync()
    {
        await using GuestLab lab = await GuestLab.CreateAsync(hosts: 3);
        VmView vm = await lab.CreateVmAsync(workload, memoryBytes);
        report.Accelerator = vm.Definition.Accelerator;
        report.QemuVersion = (await lab.Fleet.FleetAsync()).Hosts[0].Description!.QemuVersion;
        await lab.Lab.UmbraAsync(
            "protect", GuestLab.Vm.Value, "--takeover", "auto", "--lease", "2s", "--interval",
            string.Create(CultureInfo.InvariantCulture, $"{interval.TotalMilliseconds}ms"));
        for (int i = 0; i < takeovers; i++)
        {
            await TakeOverAsync(lab, await lab.ProtectedAsync());
            Progress.Say(string.Create(
                CultureInfo.InvariantCulture,
                $"takeover {i + 1} of {takeovers}: {_sinceProof[^1]:0} ms after the proof"));
        }

        report.AddTimes("proof to running", _sinceProof, "the proof is the agent's word that the process is gone");
        report.AddTimes("kill to running", _sinceKill, "");
        report.Add("soundness", new Dictionary<string, double?> { ["guestErrors"] = _errors });
    }

    private async Task TakeOverAsync(GuestLab lab, VmView before)
    {
        long known = (await lab.Fleet.EventsAsync(0)).Newest;
        using var process = Process.GetProcessById(before.PrimaryStatus!.ProcessId);
        DateTimeOffset killed = DateTimeOffset.UtcNow;
        process.Kill();
        await RunsOnShadowAsync(lab, before);
        DateTimeOffset runs = DateTimeOffset.UtcNow;
        FleetEvent started = (await lab.Fleet.EventsAsync(known)).Events
            .First(static happened => happened.Kind == Started);
        _sinceKill.Add((runs - killed).TotalMilliseconds);
        _sinceProof.Add((runs - started.Time).TotalMilliseconds);
        GuestStatus status = await lab.Console.VerifyAsync();
        _errors += status.RamErrors + status.DiskErrors;
    }

    private static async Task RunsOnShadowAsync(GuestLab lab, VmView before)
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Look);
        while (Stopwatch.GetElapsedTime(start) < GuestLab.Patience)
        {
            VmView vm = await lab.Fleet.VmAsync(GuestLab.Vm);
            if (vm.Primary == before.Shadow && vm.Guest == GuestState.Running) return;
            await timer.WaitForNextTickAsync();
        }

        throw new TimeoutException($"the guest does not run on its shadow after {GuestLab.Patience}");
    }
}
