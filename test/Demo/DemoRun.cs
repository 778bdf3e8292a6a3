using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Demo;

/// <summary>The demo's steps, in order, on a lab that is there.</summary>
public sealed class DemoRun(FleetLab lab, DemoOptions options, Timeline timeline, DemoReport report)
    : DemoSteps(lab, options, timeline, report)
{
    /// <summary>What the mean interval may exceed the one asked for by and still count as kept.</summary>
    private const double IntervalSlack = 1.2;

    /// <inheritdoc/>
    public override async Task RunAsync()
    {
        await StartAsync();
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
        Report.ElapsedSeconds = Timeline.Elapsed.TotalSeconds;
    }

    private async Task SyncAsync()
    {
        SyncStatus before = (await Fleet.VmAsync(Vm)).PrimaryStatus!.Sync;
        long start = Stopwatch.GetTimestamp();
        long wanted = before.Epochs + Options.Epochs;
        TimeSpan limit = (Options.Interval * Options.Epochs * 3) + StepLimit;
        VmView view = await Fleet.WaitForVmAsync(
            Vm, $"{Options.Epochs} epochs", vm => vm.PrimaryStatus?.Sync.Epochs >= wanted, limit);
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        SyncStatus after = view.PrimaryStatus!.Sync;
        Report.Epochs = after.Epochs - before.Epochs;
        Report.IntervalMs = took.TotalMilliseconds / Report.Epochs;
        Report.RawBytes = after.RawBytes - before.RawBytes;
        Report.WireBytes = after.WireBytes - before.WireBytes;
        PauseStatistics pause = after.Pause;
        Report.PauseMs = new PauseFigures(pause.MeanMs, pause.P50Ms, pause.P99Ms, pause.Count);
        Report.PausePhasesMs = new PausePhases(pause.StopMs, pause.ScanCopyMs, pause.DeviceStateMs, pause.ContMs);
        Timeline.Say($"{Report.Epochs} epochs in {took.TotalSeconds:0.0} s, pause {pause.MeanMs:0.0} ms in the mean");
        double allowed = Options.Interval.TotalMilliseconds * IntervalSlack;
        Conclude(
            $"epochs come every {Options.Interval.TotalMilliseconds:0} ms", Report.IntervalMs <= allowed,
            $"mean {Report.IntervalMs:0} ms, {IntervalSlack:0.0} x allowed");
    }

    /// <summary>Has both sides hash every page and block of one and the same epoch.</summary>
    private async Task CompareAsync()
    {
        CommandResult result = await Lab.TryUmbraAsync("vm", "verify", Name, "--output", "json");
        const int usage = 2;
        Report.ShadowEqualsEpoch = result.ExitCode == usage ? null : result.ExitCode == 0;
        string detail = Report.ShadowEqualsEpoch is null
            ? "this build has no full compare"
            : CompareDetail(result);
        Conclude(
            "every page and block of the shadow equals the primary's of one epoch", Report.ShadowEqualsEpoch, detail);
    }

    private static string CompareDetail(CommandResult result)
    {
        byte[] json = System.Text.Encoding.UTF8.GetBytes(result.Output);
        return FleetJson.TryDeserialize<ActionView>(json, out _)?.Result?.Detail ?? result.Error.Trim();
    }

    private async Task SwapAsync(GuestClient client)
    {
        VmView before = await Fleet.VmAsync(Vm);
        client.Mark();
        using System.Text.Json.JsonDocument json = await Lab.UmbraAsync("swap", Name, "--reason", "shown in the demo");
        ActionView action = System.Text.Json.JsonSerializer.Deserialize<ActionView>(json, FleetJson.Options)!;
        await client.WaitForLinesAsync(20, StepLimit);
        Report.ClientGapMs = client.GapSinceMark.TotalMilliseconds;
        VmView after = await Fleet.WaitForVmAsync(
            Vm, "to run on its shadow", vm => vm.Primary == before.Shadow && vm.Guest == GuestState.Running, StepLimit);
        Timeline.Say($"swapped from {before.Primary} to {after.Primary}: {action.Result!.Detail}");
        foreach (PhaseTime phase in action.Result.Phases)
        {
            Timeline.Note(
                $"{phase.Name}: at {phase.Start.TotalMilliseconds:0.0} ms, "
                + $"for {phase.Duration.TotalMilliseconds:0.0} ms");
        }

        TakePhases(action.Result.Phases);
        Conclude(
            "the guest runs on its former shadow, under the next generation",
            action.Result.Succeeded && after.Generation == before.Generation.Next, $"generation {after.Generation}");
        Conclude(
            "the blackout was measured", Report.BlackoutMs is > 0,
            $"{Report.BlackoutMs:0.0} ms; the client saw a gap of {Report.ClientGapMs:0} ms");
    }

    private void TakePhases(IReadOnlyList<PhaseTime> phases)
    {
        foreach (PhaseTime phase in phases)
            Report.SwapPhasesMs.Add(new PhaseFigure(phase.Name, phase.Duration.TotalMilliseconds));
        if (SwapPhases.Blackout(phases) is not { } blackout) return;
        Report.BlackoutMs = blackout.TotalMilliseconds;
        Report.DecisionToRunningMs =
            phases.First(phase => phase.Name == SwapPhases.Resume).End.TotalMilliseconds;
    }

    private async Task ReprotectAsync()
    {
        VmView view = await Fleet.WaitForVmAsync(
            Vm, "a new shadow", vm => vm.Protection == ProtectionState.Protected, StepLimit);
        Timeline.Say($"protected again, by itself: shadow on {view.Shadow}");
        Conclude("a new shadow was placed and seeded", view.Shadow is not null, $"on {view.Shadow}");
    }
}
