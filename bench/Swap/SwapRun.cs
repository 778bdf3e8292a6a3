using System.Text.Json;
using Umbra.Bench.Guests;
using Umbra.Core.Api;
using Umbra.Lab;

namespace Umbra.Bench.Swap;

/// <summary>Swaps in a row, each checked.</summary>
internal sealed class SwapRun(int swaps, TimeSpan interval, Workload workload, long memoryBytes, BenchReport report)
{
    private const int LinesAfter = 20;

    private readonly List<double> _blackouts = [];
    private readonly List<double> _decisions = [];
    private readonly List<double> _gaps = [];
    private readonly SortedDictionary<string, List<double>> _phases = new(StringComparer.Ordinal);
    private int _failed;
    private long _errors;

    public async Task RunAsync()
    {
        await using GuestLab lab = await GuestLab.CreateAsync(hosts: 3);
        VmView vm = await lab.CreateVmAsync(workload, memoryBytes);
        report.Accelerator = vm.Definition.Accelerator;
        report.QemuVersion = (await lab.Fleet.FleetAsync()).Hosts[0].Description!.QemuVersion;
        await lab.ProtectAsync(interval);
        await using GuestClient client = await GuestClient.ConnectAsync(
            lab.Lab.ClientDoor, GuestImage.AddressDefault, GuestLab.Patience);
        await client.WaitForLinesAsync(LinesAfter, GuestLab.Patience);
        for (int i = 0; i < swaps; i++)
        {
            await SwapAsync(lab, client);
            Progress.Say($"swap {i + 1} of {swaps}: blackout {_blackouts.LastOrDefault():0.0} ms");
            await lab.ProtectedAsync();
        }

        Report(client.Record);
    }

    private async Task SwapAsync(GuestLab lab, GuestClient client)
    {
        VmView before = await lab.Fleet.VmAsync(GuestLab.Vm);
        client.Mark();
        using JsonDocument json = await lab.Lab.UmbraAsync("swap", GuestLab.Vm.Value, "--reason", "benchmark");
        VmActionResult result = json.Deserialize<ActionView>(FleetJson.Options)!.Result!;
        if (!result.Succeeded)
        {
            _failed++;
            Progress.Say($"a swap failed: {result.Detail}");
            return;
        }

        await client.WaitForLinesAsync(LinesAfter, GuestLab.Patience);
        _gaps.Add(client.GapSinceMark.TotalMilliseconds);
        await lab.Fleet.WaitForVmAsync(
            GuestLab.Vm, "to run on its shadow",
            vm => vm.Primary == before.Shadow && vm.Guest == GuestState.Running, GuestLab.Patience);
        Take(result);
        GuestStatus status = await lab.Console.VerifyAsync();
        _errors += status.RamErrors + status.DiskErrors;
    }

    private void Take(VmActionResult result)
    {
        PhaseTime resume = result.Phases.First(phase => phase.Name == SwapPhases.Resume);
        if (SwapPhases.Blackout(result.Phases) is { } blackout) _blackouts.Add(blackout.TotalMilliseconds);
        _decisions.Add(resume.End.TotalMilliseconds);
        foreach (PhaseTime phase in result.Phases)
        {
            if (!_phases.TryGetValue(phase.Name, out List<double>? times)) _phases.Add(phase.Name, times = []);
            times.Add(phase.Duration.TotalMilliseconds);
        }
    }

    private void Report(GuestRecord client)
    {
        report.AddTimes("blackout", _blackouts, "the pause on the old host to running on the new one");
        report.AddTimes("decision to running", _decisions, "");
        report.AddTimes("client gap", _gaps, "longest silence on one TCP connection, a line every 10 ms in between");
        foreach ((string name, List<double> times) in _phases) report.AddTimes("phase " + name, times, "");
        string fault = client.Broken ?? client.Fault ?? "";
        report.Add("soundness", new Dictionary<string, double?>
        {
            ["swapsFailed"] = _failed, ["guestErrors"] = _errors, ["connectionsLost"] = client.Broken is null ? 0 : 1,
        }, fault);
    }
}
