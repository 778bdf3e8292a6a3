using System.Text.Json;
using Umbra.Cli;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Health;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>From drift over the swap to the report, as people see it.</summary>
public sealed class DiagnosisTests
{
    private static readonly HostHealth Failing = new()
    {
        Readings =
        [
            new ReadReading("edac", new HealthReading
            {
                Component = "DIMM A1", Kind = ComponentKind.Memory, Quantity = "uncorrected errors", Value = 1,
                Level = HealthLevel.Critical,
            }),
        ],
        Events =
        [
            new HealthEvent
            {
                Host = new HostId("a"), Component = "DIMM A1", Kind = ComponentKind.Memory, Source = "edac",
                Severity = HealthSeverity.Critical, Time = DateTimeOffset.UtcNow, Message = "errors rose",
            },
        ],
    };

    [Fact]
    public async Task A_swap_by_drift_leaves_a_report_that_names_the_part_and_outlives_the_controller()
    {
        await using var run = await CliRun.StartAsync("a", "b", "c");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait");
        run.Fleet.Say("v", new DriftStatus
        {
            State = DriftWatchState.Watching, Reason = "watched", Progress = 1,
            Kpis =
            [
                new KpiDrift
                {
                    Kpi = "disk.latency", Score = 1.1, Side = DriftSide.Primary, Onset = DateTimeOffset.UtcNow,
                    Explanation = "disk.latency is up", PrimaryUsual = new UsualRange(0.2, 0.3, 0.9),
                },
            ],
        });
        await run.UntilAsync(async () => (await run.OkAsync("diagnosis", "list")).Contains(
            "completed", StringComparison.Ordinal));
        string id = await OnlyIdAsync(run);
        Assert.StartsWith("suspect-1-", id, StringComparison.Ordinal);
        await run.KillAndRestartAsync();
        string shown = await run.OkAsync("diagnosis", "show", id);
        Assert.Contains("drives (drive), confidence 81 %", shown);
        Assert.Contains("still worse on the empty host", shown);
        Assert.Contains("Canaries run from", shown);
        Assert.Contains("umbra host uncordon a", shown);
        Assert.Contains("**Suspect:** drives", await run.OkAsync("diagnosis", "show", id, "--markdown"));
        using var json = JsonDocument.Parse(await run.OkAsync("diagnosis", "show", id, "--output", "json"));
        Assert.Equal("b", json.RootElement.GetProperty("newHost").GetString());
        var examined = json.RootElement.GetProperty("examination").GetProperty("kpis")[0];
        Assert.Equal(5, examined.GetProperty("median").GetDouble());
        var kpi = json.RootElement.GetProperty("drift").GetProperty("kpis")[0];
        Assert.Equal("disk.latency", kpi.GetProperty("kpi").GetString());
        string events = await run.OkAsync("events", "--since", "0");
        Assert.Contains("diagnosis.started", events);
        Assert.Contains($"{id}: suspect of a is drives", events);
        Assert.Equal(ExitCodes.NotFound, (await run.RunAsync("diagnosis", "show", "none")).Code);
    }

    [Fact]
    public async Task A_controller_that_starts_anew_in_the_middle_of_the_swap_goes_on_with_the_report()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        string id = await BeginAsync(controller, a, b);
        await controller.RestartAsync();
        a.MoveTo(controller.Host.Url);
        b.MoveTo(controller.Host.Url);
        Assert.Equal(DiagnosisState.Swapping, (await GetAsync(controller, id)).State);
        Assert.True((await b.FenceAsync("v", 1, id)).Won);
        await b.BeatAsync(Status("v", VmRole.Primary, 2));
        await a.BeatAsync(Status("v", VmRole.None, 1) with { Results = [Result(id, succeeded: true)] });
        await b.BeatAsync(Status("v", VmRole.Primary, 2) with
        {
            Results = [Result(id, succeeded: true)],
        });
        var record = await GetAsync(controller, id);
        Assert.Equal(DiagnosisState.Examining, record.State);
        Assert.NotNull(record.SwapEnded);
        Assert.Equal(new HostId("b"), record.NewHost);
        Assert.Null(record.Suspect); // a person's word is no evidence against a part
    }

    [Fact]
    public async Task What_the_old_host_tells_of_its_hardware_during_the_swap_names_the_part()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        string id = await BeginAsync(controller, a, b);
        Assert.True((await b.FenceAsync("v", 1, id)).Won);
        await b.BeatAsync(Status("v", VmRole.Primary, 2) with { Results = [Result(id, succeeded: true)] });
        var told = a.Heartbeat(Status("v", VmRole.None, 1) with { Results = [Result(id, succeeded: true)] });
        await a.Client.PostAsync<HeartbeatAnswer>(ApiPaths.AgentHeartbeat, told with { Health = Failing });
        var record = await GetAsync(controller, id);
        Assert.Equal("DIMM A1", record.Suspect!.Component);
        Assert.Contains("memory tester", record.NextStep);
        Assert.Contains(record.Evidence, static seen => seen.Source == "edac");
        Assert.Equal("DIMM A1", Assert.Single(record.Readings).Reading.Component);
    }

    [Fact]
    public async Task A_swap_that_failed_leaves_no_report()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        string id = await BeginAsync(controller, a, b);
        await a.BeatAsync(Status("v", VmRole.Primary, 1) with { Results = [Result(id, succeeded: false)] });
        Assert.Empty((await controller.Admin.GetAsync<DiagnosisList>("/api/v1/diagnoses")).Diagnoses);
        var events = await controller.Admin.GetAsync<EventPage>("/api/v1/events?limit=1000");
        Assert.Contains(events.Events, static entry => entry.Kind == "diagnosis.dropped");
    }

    [Fact]
    public void The_store_keeps_the_last_hundred_and_the_newest_word_on_each()
    {
        using var directory = new TemporaryDirectory();
        using var store = new SqliteFleetStore(directory.File("fleet.db"));
        for (int i = 0; i < DiagnosisRecord.KeptMax + 5; i++) Keep(store, Record($"d{i}"));
        Keep(store, Record("d50") with { State = DiagnosisState.Completed });
        var kept = store.ReadDiagnoses();
        Assert.Equal(DiagnosisRecord.KeptMax, kept.Count);
        Assert.Equal($"d{DiagnosisRecord.KeptMax + 4}", kept[0].Id);
        Assert.Null(store.ReadDiagnosis("d4"));
        Assert.Equal(DiagnosisState.Completed, store.ReadDiagnosis("d50")!.State);
        Assert.True(store.Commit(new FleetChange { DroppedDiagnoses = ["d50"] }));
        Assert.Null(store.ReadDiagnosis("d50"));
    }

    private static void Keep(SqliteFleetStore store, DiagnosisRecord record) =>
        Assert.True(store.Commit(new FleetChange { Diagnoses = [record] }));

    private static DiagnosisRecord Record(string id) => new()
    {
        Id = id, Vm = new VmId("v"), OldHost = new HostId("a"), State = DiagnosisState.Swapping,
        Decided = DateTimeOffset.UnixEpoch, Reason = "r", NextStep = "n",
    };

    private static async Task<string> BeginAsync(ControllerFixture controller, FakeAgent a, FakeAgent b)
    {
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        await a.BeatAsync(Status("v", VmRole.Primary, 1));
        await b.BeatAsync(Status("v", VmRole.Shadow, 1));
        var action = await controller.Admin.PostAsync<ActionView>("/api/v1/vms/v/actions", new ActionRequest
        {
            Kind = VmActionKind.Swap, Suspect = true, Reason = "its fan is loud",
        });
        return action.Action.Id;
    }

    private static Task<DiagnosisRecord> GetAsync(ControllerFixture controller, string id) =>
        controller.Admin.GetAsync<DiagnosisRecord>($"/api/v1/diagnoses/{id}");

    private static async Task<string> OnlyIdAsync(CliRun run)
    {
        using var json = JsonDocument.Parse(await run.OkAsync("diagnosis", "list", "--output", "json"));
        return Assert.Single(json.RootElement.GetProperty("diagnoses").EnumerateArray()).GetProperty("id").GetString()!;
    }

    private static VmActionResult Result(string id, bool succeeded) => new()
    {
        Id = id, Succeeded = succeeded, Detail = "as told",
    };

    private static VmStatus Status(string vm, VmRole role, ulong generation) => new()
    {
        Vm = new VmId(vm), Role = role, Generation = new Generation(generation),
        Guest = role == VmRole.Primary ? GuestState.Running
            : role == VmRole.Shadow ? GuestState.Standby : GuestState.Absent,
        Protection = ProtectionState.Protected, Reason = "as told",
        Sync = new SyncStatus { Acknowledged = new EpochNumber(7), Progress = 1 },
    };
}
