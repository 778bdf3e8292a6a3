using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Lab;
using Umbra.Lab.Degrading;

namespace Umbra.Demo;

/// <summary>The demo of <c>--degrade</c>: one host gets worse, and the guest leaves it by itself.</summary>
public sealed class DegradeRun(FleetLab lab, DemoOptions options, Timeline timeline, DemoReport report)
    : DemoSteps(lab, options, timeline, report)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LearningSlack = TimeSpan.FromSeconds(120);

    /// <summary>Quiet watching before anything is degraded.</summary>
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(10);

    /// <summary>How long the last step may take to bring about a swap; the control must not by then.</summary>
    private static readonly TimeSpan LastStepTime = TimeSpan.FromSeconds(90);

    /// <summary>KPIs of hardware that have to be judged: all six but what never changed (lost packets).</summary>
    private const int JudgedMin = 5;

    private readonly DegradeKind _kind = options.Degrade!.Value;

    private DegradeTrace _trace = null!;
    private DegradeFigures _figures = null!;
    private Degradation _degradation = null!;
    private VmView _before = null!;
    private long _onset;
    private string _step = "";
    private string _shown = "";

    private bool IsControl => _kind == DegradeKind.NoneButBusy;

    /// <inheritdoc/>
    public override async Task RunAsync()
    {
        using var trace = new DegradeTrace(Options.TracePath);
        _trace = trace;
        await StartAsync();
        await CreateAsync();
        Task seeding = SeedAsync();
        await using GuestClient client = await ConnectAsync();
        await seeding;
        if (!await LearnAsync())
        {
            // Nothing of what follows would say anything.
            Report.ElapsedSeconds = Timeline.Elapsed.TotalSeconds;
            return;
        }

        _before = await Fleet.VmAsync(Vm);
        Begin();
        bool early = await WatchAsync(QuietTime);
        _figures.ScoreBefore = _figures.ScoreMax;
        Conclude("nothing moved it while all was well", !early, Score(_figures.ScoreBefore));
        bool swapped = !early && await DegradeAsync(client);
        await ConcludeSwapAsync(swapped, client);
        await CheckGuestAsync(client);
        if (swapped) await DiagnoseAsync();
        await _degradation.UndoAsync();
        await ShowEventsAsync();
        Report.ElapsedSeconds = Timeline.Elapsed.TotalSeconds;
    }

    /// <summary>Waits for the baseline; whether the hardware is judged by it.</summary>
    private async Task<bool> LearnAsync()
    {
        Timeline.Say(
            $"the baseline of the pair is learnt from {Options.CalibrationSeconds} s "
            + $"(the agent's own {Core.Drift.LiveDrift.CalibrationDefault} s are shortened for the demo)");
        int shown = 0;
        await Wait.UntilAsync("the pair's baseline", async () =>
        {
            DriftStatus? drift = (await Fleet.DecisionAsync(Vm)).Drift;
            int quarter = (int)((drift?.Progress ?? 0) * 4);
            if (quarter > shown && drift!.State == DriftWatchState.Learning) Timeline.Note(drift.Reason);
            shown = quarter;
            return drift?.State == DriftWatchState.Watching;
        }, (TimeSpan.FromSeconds(Options.CalibrationSeconds) * Core.Drift.DriftWatch.CalibrationStretchMax)
            + LearningSlack, Lab.Diagnosis);
        // A watch that judges nothing never swaps either, and would prove nothing.
        DriftStatus? watch = (await Fleet.DecisionAsync(Vm)).Drift;
        int judged = watch?.Kpis.Count(static kpi => Core.Drift.KpiSense.IsHardware(kpi.Kpi)) ?? 0;
        Conclude(
            "the drift watch judges the hardware's KPIs", judged >= JudgedMin, $"{judged} of them; {watch?.Reason}");
        return judged >= JudgedMin;
    }

    private void Begin()
    {
        LabHost host = Lab.Host(_before.Primary);
        _degradation = _kind switch
        {
            DegradeKind.Cpu => new CpuDegradation(host),
            DegradeKind.Disk => new DiskDegradation(host),
            DegradeKind.Net => new NetDegradation(Lab, host),
            DegradeKind.Memory => new MemoryDegradation(Lab, host),
            DegradeKind.Bmc => new BmcDegradation(host),
            _ => new BusyLoad(Lab, [host, Lab.Host(_before.Shadow!.Value)]),
        };
        _figures = Report.Degrade = new DegradeFigures
        {
            Kind = DegradeKinds.Word(_kind),
            What = _degradation.What,
            Host = host.Name.Value,
            CalibrationSeconds = Options.CalibrationSeconds,
        };
    }

    /// <summary>Goes through the steps until the guest has left; whether it has.</summary>
    private async Task<bool> DegradeAsync(GuestClient client)
    {
        Timeline.Say($"from now on, on {_before.Primary}: {_degradation.What}");
        client.Mark();
        _figures.IntervalBeforeMs = (await Fleet.DecisionAsync(Vm)).Interval.TotalMilliseconds;
        _onset = Stopwatch.GetTimestamp();
        for (int step = 0; step < _degradation.Steps.Count; step++)
        {
            _step = _degradation.Steps[step];
            Timeline.Say($"{_before.Primary}: {_step}");
            await _degradation.GoToAsync(step);
            bool isLast = step == _degradation.Steps.Count - 1;
            if (await WatchAsync(isLast ? LastStepTime : _degradation.StepTime)) return true;
        }

        return false;
    }

    /// <summary>Looks at the VM every second; true as soon as it runs on its shadow.</summary>
    private async Task<bool> WatchAsync(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Look);
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            await timer.WaitForNextTickAsync();
            VmView vm = await Fleet.VmAsync(Vm);
            DecisionView decision = await Fleet.DecisionAsync(Vm);
            _trace.Add(Timeline.Elapsed.TotalSeconds, _step, vm, decision);
            if (vm.Primary != _before.Primary && vm.Guest == GuestState.Running)
            {
                _figures.SecondsToSwap = SinceOnset();
                _figures.StepAtSwap = _step;
                Timeline.Say($"swapped by itself from {_before.Primary} to {vm.Primary}");
                return true;
            }

            if (vm.Primary == _before.Primary) Take(decision);
        }

        return false;
    }

    private static string Score(double? most) =>
        string.Create(CultureInfo.InvariantCulture, $"suspicion at most {most:0.00} of 1");

    private double SinceOnset() => Math.Round(Stopwatch.GetElapsedTime(_onset).TotalSeconds, 1);

    private void Take(DecisionView decision)
    {
        Core.Decisions.Suspicion found = decision.Primary.Suspicion;
        double interval = decision.Interval.TotalMilliseconds;
        _figures.ScoreMax = Math.Max(_figures.ScoreMax ?? 0, Math.Round(found.Weight, 2));
        if (_onset != 0 && interval > 0)
        {
            if (found.Hint) _figures.SecondsToHint ??= SinceOnset();
            if (interval < _figures.IntervalBeforeMs) _figures.SecondsToShorterInterval ??= SinceOnset();
            _figures.IntervalLeastMs = Math.Min(_figures.IntervalLeastMs ?? interval, interval);
        }

        KpiDrift? worst = decision.Drift?.Kpis.FirstOrDefault(
            static kpi => kpi.Side == DriftSide.Primary && kpi.Form is not null);
        // A hot processor may well get slower; what is to be shown here is that its BMC is listened to.
        string? part = decision.Primary.Events.Count > 0 ? decision.Primary.Events[0].Component : null;
        _figures.Evidence = (_kind == DegradeKind.Bmc ? part : worst?.Kpi ?? part) ?? _figures.Evidence;
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"suspicion {found.Weight:0.00}{(found.Hint ? ", hint" : "")} ({worst?.Kpi ?? _figures.Evidence ?? "-"}), "
            + $"sync interval {interval:0} ms, {decision.Step}");
        if (line != _shown) Timeline.Note(line);
        _shown = line;
    }

    private async Task ConcludeSwapAsync(bool swapped, GuestClient client)
    {
        await client.WaitForLinesAsync(20, StepLimit);
        Report.ClientGapMs = client.GapSinceMark.TotalMilliseconds;
        if (IsControl)
        {
            Conclude("no swap under the same load on both hosts", !swapped, Score(_figures.ScoreMax));
            return;
        }

        Conclude(
            "the guest left the degraded host by itself", swapped,
            $"after {_figures.SecondsToSwap} s, at {_figures.StepAtSwap ?? "no step"}, for {_figures.Evidence}");
        Conclude(
            "the sync interval fell before the swap",
            swapped && _figures.IntervalLeastMs < _figures.IntervalBeforeMs,
            $"from {_figures.IntervalBeforeMs:0} to {_figures.IntervalLeastMs:0} ms, "
            + $"{_figures.SecondsToShorterInterval} s after the onset");
        Conclude(
            "what spoke against the host is what was degraded",
            _kind.Fits(_figures.Evidence ?? "") && _kind.IsPart(_figures.Evidence ?? ""),
            _figures.Evidence ?? "nothing");
        if (!swapped) return;
        FleetView fleet = await Fleet.WaitAsync(
            "the left host to be cordoned", view => CordonOf(view) is not null, StepLimit);
        _figures.Cordoned = CordonOf(fleet) is not null;
        Conclude("the left host takes no further VMs", _figures.Cordoned, $"{_before.Primary}: {CordonOf(fleet)}");
    }

    private string? CordonOf(FleetView fleet) => fleet.Hosts.Single(host => host.Name == _before.Primary).Cordon;

    /// <summary>Waits for what the controller holds to be the cause.</summary>
    private async Task DiagnoseAsync()
    {
        DiagnosisSummary? found = null;
        await Wait.UntilAsync("the diagnosis of the left host", async () =>
        {
            found = (await Fleet.DiagnosesAsync()).Diagnoses.FirstOrDefault(
                one => one.Vm == Vm && one.OldHost == _before.Primary && one.State == DiagnosisState.Completed);
            return found is not null;
        }, DiagnosisPlanner.ExaminationTime + StepLimit, Lab.Diagnosis);
        DiagnosisRecord report = await Fleet.DiagnosisAsync(found!.Id);
        foreach (KpiComparison kpi in report.Comparisons.Where(static kpi => kpi.Drifted))
            Timeline.Note($"{_before.Primary} without the guest, {kpi.Kpi}: {kpi.Reading}");
        if (report.ExaminationReason is { Length: > 0 } why) Timeline.Note($"{_before.Primary} not examined: {why}");
        SuspectCandidate? suspect = found.Suspect;
        _figures.Diagnosed = suspect?.Component;
        Conclude(
            "the diagnosis names the right component",
            suspect is not null && suspect.Family == _kind.Family() && _kind.IsPart(suspect.Component),
            suspect is null ? "it names none" : $"{suspect.Component} ({suspect.Family}): {suspect.Reason}");
    }
}
