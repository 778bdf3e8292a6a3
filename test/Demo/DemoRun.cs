using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Demo;

/// <summary>The demo's steps, in order, on a lab that is there.</summary>
public sealed class DemoRun(FleetLab lab, DemoOptions options, Timeline timeline, DemoReport report)
{
    private const string Name = "demo";

    private static readonly VmId Vm = new(Name);
    private static readonly TimeSpan StepLimit = TimeSpan.FromSeconds(60);

    /// <summary>What the mean interval may exceed the one asked for by and still count as kept.</summary>
    private const double IntervalSlack = 1.2;

    private long _lastEvent;
    private FleetClient _fleet = null!;
    private GuestConsole _guest = null!;

    /// <summary>Runs all steps; whatever could not be done shows in the report.</summary>
    public async Task RunAsync()
    {
        timeline.Say($"three hosts in racks, feeds and segments of their own (simulated; lab {lab.Id})");
        _fleet = await lab.StartFleetAsync(StepLimit);
        timeline.Say("controller and agents are up");
        await CreateAsync();
        // The shadow is seeded while the guest still boots.
        Task seeding = SeedAsync();
        await using GuestClient client = await ConnectAsync();
        await seeding;
        await SyncAsync();
        await CompareAsync();
        await SwapAsync(client);
        await CheckGuestAsync(client);
        await ReprotectAsync();
        await ShowEventsAsync();
        report.ElapsedSeconds = timeline.Elapsed.TotalSeconds;
    }

    private async Task CreateAsync()
    {
        VmDefinition vm = GuestImage.Build().Define(Name);
        DiskDefinition disk = vm.Disks[0];
        NicDefinition nic = vm.Nics[0];
        await lab.UmbraAsync(
            "vm", "create", Name, "--memory", Size(vm.MemoryBytes), "--disk", $"size={Size(disk.Bytes)},id={disk.Id}",
            "--nic", $"bridge={nic.Bridge},mac={nic.Mac},id={nic.Id}", "--kernel", vm.Kernel!.KernelPath,
            "--initrd", vm.Kernel.InitrdPath!, "--append", vm.Kernel.CommandLine, "--interval",
            string.Create(CultureInfo.InvariantCulture, $"{options.Interval.TotalMilliseconds}ms"));
        VmView view = await _fleet.WaitForVmAsync(Vm, "to run", vm => vm.Guest == GuestState.Running, StepLimit);
        HostDescription host = (await _fleet.FleetAsync()).Hosts.Single(h => h.Name == view.Primary).Description!;
        report.Accelerator = view.Definition.Accelerator;
        report.QemuVersion = host.QemuVersion.Length > 0 ? host.QemuVersion : null;
        timeline.Say($"guest of {Size(vm.MemoryBytes)} runs on {view.Primary} ({view.Definition.Accelerator})");
    }

    private async Task<GuestClient> ConnectAsync()
    {
        GuestClient client = await GuestClient.ConnectAsync(lab.ClientDoor, GuestImage.AddressDefault, StepLimit);
        _guest = new GuestConsole(lab.ClientDoor, GuestImage.AddressDefault);
        await client.WaitForLinesAsync(10, StepLimit);
        timeline.Say("a client outside holds one TCP connection to it");
        return client;
    }

    private async Task SeedAsync()
    {
        int shown = 0;
        VmView view = await _fleet.WaitForVmAsync(Vm, "to be protected", vm =>
        {
            if (vm.Protection == ProtectionState.Protected) return true;
            int tenth = (int)((vm.PrimaryStatus?.Sync.Progress ?? 0) * 10);
            if (tenth > shown) timeline.Note($"seeding: {tenth * 10} %, while the guest boots");
            shown = Math.Max(shown, tenth);
            return false;
        }, StepLimit);
        report.SeedSeconds = view.PrimaryStatus!.Sync.SeedTime.TotalSeconds;
        timeline.Say($"protected: shadow on {view.Shadow}, seeded in {report.SeedSeconds:0.0} s");
        FailureDomains primary = lab.Host(view.Primary).Domains;
        FailureDomains shadow = lab.Host(view.Shadow!.Value).Domains;
        bool apart = primary.Rack != shadow.Rack && primary.PowerFeed != shadow.PowerFeed
            && primary.NetworkSegment != shadow.NetworkSegment;
        Conclude(
            "the shadow shares no rack, feed or segment with the primary", apart, $"{view.Primary}, {view.Shadow}");
    }

    private async Task SyncAsync()
    {
        SyncStatus before = (await _fleet.VmAsync(Vm)).PrimaryStatus!.Sync;
        long start = Stopwatch.GetTimestamp();
        long wanted = before.Epochs + options.Epochs;
        TimeSpan limit = (options.Interval * options.Epochs * 3) + StepLimit;
        VmView view = await _fleet.WaitForVmAsync(
            Vm, $"{options.Epochs} epochs", vm => vm.PrimaryStatus?.Sync.Epochs >= wanted, limit);
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        SyncStatus after = view.PrimaryStatus!.Sync;
        report.Epochs = after.Epochs - before.Epochs;
        report.IntervalMs = took.TotalMilliseconds / report.Epochs;
        report.RawBytes = after.RawBytes - before.RawBytes;
        report.WireBytes = after.WireBytes - before.WireBytes;
        PauseStatistics pause = after.Pause;
        report.PauseMs = new PauseFigures(pause.MeanMs, pause.P50Ms, pause.P99Ms, pause.Count);
        report.PausePhasesMs = new PausePhases(pause.StopMs, pause.ScanCopyMs, pause.DeviceStateMs, pause.ContMs);
        timeline.Say($"{report.Epochs} epochs in {took.TotalSeconds:0.0} s, pause {pause.MeanMs:0.0} ms in the mean");
        double allowed = options.Interval.TotalMilliseconds * IntervalSlack;
        Conclude(
            $"epochs come every {options.Interval.TotalMilliseconds:0} ms", report.IntervalMs <= allowed,
            $"mean {report.IntervalMs:0} ms, {IntervalSlack:0.0} x allowed");
    }

    /// <summary>Has both sides hash every page and block of one and the same epoch.</summary>
    private async Task CompareAsync()
    {
        CommandResult result = await lab.TryUmbraAsync("vm", "verify", Name, "--output", "json");
        const int usage = 2;
        report.ShadowEqualsEpoch = result.ExitCode == usage ? null : result.ExitCode == 0;
        string detail = report.ShadowEqualsEpoch is null
            ? "this build has no full compare"
            : CompareDetail(result);
        Conclude(
            "every page and block of the shadow equals the primary's of one epoch", report.ShadowEqualsEpoch, detail);
    }

    private static string CompareDetail(CommandResult result)
    {
        byte[] json = System.Text.Encoding.UTF8.GetBytes(result.Output);
        return FleetJson.TryDeserialize<ActionView>(json, out _)?.Result?.Detail ?? result.Error.Trim();
    }

    private async Task SwapAsync(GuestClient client)
    {
        VmView before = await _fleet.VmAsync(Vm);
        client.Mark();
        using System.Text.Json.JsonDocument json = await lab.UmbraAsync("swap", Name, "--reason", "shown in the demo");
        ActionView action = System.Text.Json.JsonSerializer.Deserialize<ActionView>(json, FleetJson.Options)!;
        await client.WaitForLinesAsync(20, StepLimit);
        report.ClientGapMs = client.GapSinceMark.TotalMilliseconds;
        VmView after = await _fleet.WaitForVmAsync(
            Vm, "to run on its shadow", vm => vm.Primary == before.Shadow && vm.Guest == GuestState.Running, StepLimit);
        timeline.Say($"swapped from {before.Primary} to {after.Primary}: {action.Result!.Detail}");
        foreach (PhaseTime phase in action.Result.Phases)
        {
            timeline.Note(
                $"{phase.Name}: at {phase.Start.TotalMilliseconds:0.0} ms, "
                + $"for {phase.Duration.TotalMilliseconds:0.0} ms");
        }

        TakePhases(action.Result.Phases);
        Conclude(
            "the guest runs on its former shadow, under the next generation",
            action.Result.Succeeded && after.Generation == before.Generation.Next, $"generation {after.Generation}");
        Conclude(
            "the blackout was measured", report.BlackoutMs is > 0,
            $"{report.BlackoutMs:0.0} ms; the client saw a gap of {report.ClientGapMs:0} ms");
    }

    private void TakePhases(IReadOnlyList<PhaseTime> phases)
    {
        foreach (PhaseTime phase in phases)
            report.SwapPhasesMs.Add(new PhaseFigure(phase.Name, phase.Duration.TotalMilliseconds));
        if (SwapPhases.Blackout(phases) is not { } blackout) return;
        report.BlackoutMs = blackout.TotalMilliseconds;
        report.DecisionToRunningMs =
            phases.First(phase => phase.Name == SwapPhases.Resume).End.TotalMilliseconds;
    }

    private async Task CheckGuestAsync(GuestClient client)
    {
        GuestStatus status = await _guest.VerifyAsync();
        report.RamVerified = status is { RamErrors: 0, RamVerified: > 0 };
        report.DiskVerified = status is { DiskErrors: 0, DiskVerified: > 0 };
        string found = status.FirstError.Length == 0 ? "checked, no error" : $"checked: {status.FirstError}";
        Conclude("the guest finds its memory right", report.RamVerified, $"{status.RamVerified} pages {found}");
        Conclude("the guest finds its disk right", report.DiskVerified, $"{status.DiskVerified} blocks {found}");
        GuestRecord record = client.Record;
        report.TcpKept = record.IsSound;
        Conclude(
            "the client's TCP connection held", report.TcpKept,
            record.Broken ?? record.Fault ?? $"{record.Lines} numbered lines, none missing");
    }

    private async Task ReprotectAsync()
    {
        VmView view = await _fleet.WaitForVmAsync(
            Vm, "a new shadow", vm => vm.Protection == ProtectionState.Protected, StepLimit);
        timeline.Say($"protected again, by itself: shadow on {view.Shadow}");
        Conclude("a new shadow was placed and seeded", view.Shadow is not null, $"on {view.Shadow}");
    }

    private async Task ShowEventsAsync()
    {
        EventPage page = await _fleet.EventsAsync(_lastEvent);
        foreach (FleetEvent one in page.Events) timeline.Note($"event {one.Number} {one.Kind}: {one.Text}");
        _lastEvent = page.Newest;
    }

    private void Conclude(string name, bool? holds, string detail)
    {
        var check = new Check(name, holds, detail);
        report.Checks.Add(check);
        timeline.Show(check);
    }

    private static string Size(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / Sizes.MiB}M");
}
