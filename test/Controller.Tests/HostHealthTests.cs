using System.Text.Json;
using Umbra.Cli;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Testing.Bmc;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>Hardware health and hosts' BMCs, as people see them through the command line.</summary>
public sealed class HostHealthTests
{
    private static readonly HostHealth Sick = new()
    {
        Readers =
        [
            new ReaderStatus { Name = "ipmi", State = ReaderState.Stale, Reason = "the BMC does not answer" },
            new ReaderStatus { Name = "edac", State = ReaderState.Ok, Reason = "2 readings" },
        ],
        Readings =
        [
            new ReadReading("edac", new HealthReading
            {
                Component = "DIMM A1", Kind = ComponentKind.Memory, Quantity = "uncorrected errors", Value = 1,
                Level = HealthLevel.Critical,
            }),
            new ReadReading("edac", new HealthReading
            {
                Component = "DIMM B1", Kind = ComponentKind.Memory, Quantity = "uncorrected errors", Value = 0,
                Level = HealthLevel.Ok,
            }),
        ],
        Events =
        [
            new HealthEvent
            {
                Host = new HostId("x"), Component = "DIMM A1", Kind = ComponentKind.Memory, Source = "edac",
                Severity = HealthSeverity.Critical, Time = DateTimeOffset.UnixEpoch, Message = "errors rose",
            },
        ],
    };

    [Fact]
    public async Task What_an_agent_tells_of_its_hardware_is_shown_and_kept_until_it_tells_more()
    {
        await using var run = await CliRun.StartAsync();
        using var agent = await run.JoinAsync("x");
        await agent.BeatAsync();
        Assert.Contains("has told nothing", await run.OkAsync("host", "health", "x"));
        await agent.Client.PostAsync<HeartbeatAnswer>(
            ApiPaths.AgentHeartbeat, agent.Heartbeat() with { Health = Sick });
        await agent.BeatAsync();
        string shown = await run.OkAsync("host", "health", "x");
        Assert.Contains("the BMC does not answer", shown);
        Assert.Contains("1 critical, 0 warnings, 1 well, 1 of 2 readers blind", shown);
        Assert.Contains("DIMM A1", shown);
        Assert.DoesNotContain("DIMM B1", shown);
        Assert.Contains("errors rose", shown);
        Assert.Contains("DIMM B1", await run.OkAsync("host", "health", "x", "--all"));
        using var json = JsonDocument.Parse(await run.OkAsync("host", "health", "x", "--output", "json"));
        JsonElement readers = json.RootElement.GetProperty("health").GetProperty("readers");
        Assert.Equal("stale", readers[0].GetProperty("state").GetString());
        Assert.Equal(ExitCodes.NotFound, (await run.RunAsync("host", "health", "nobody")).Code);
    }

    [Fact]
    public async Task More_than_the_limits_is_refused()
    {
        await using var run = await CliRun.StartAsync();
        using var agent = await run.JoinAsync("x");
        var flood = Sick with { Readings = [.. Enumerable.Repeat(Sick.Readings[0], HostHealth.ReadingsMax + 1)] };
        await Assert.ThrowsAnyAsync<Exception>(() => agent.Client.PostAsync<HeartbeatAnswer>(
            ApiPaths.AgentHeartbeat, agent.Heartbeat() with { Health = flood }));
        Assert.Contains("has told nothing", await run.OkAsync("host", "health", "x"));
    }

    [Fact]
    public async Task A_silent_primary_is_turned_off_through_its_BMC_and_then_its_shadow_runs()
    {
        await using var bmc = await BmcPowerTests.StartAsync();
        await using var run = await CliRun.StartAsync("a", "b");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait");
        Assert.Contains("is heard", (await run.RunAsync("takeover", "v", "--power-off")).Errors);
        await run.Fleet.SilenceAsync("a");
        await run.UntilAsync(async () => (await run.OkAsync("host", "show", "a")).Contains("silent for"));
        var unknown = await run.RunAsync("takeover", "v", "--power-off");
        Assert.Equal(ExitCodes.Refused, unknown.Code);
        Assert.Contains("does not know the BMC of a", unknown.Errors);
        string[] setBmc = ["host", "set-bmc", "a", "--ipmi", $"ipmi://admin@127.0.0.1:{bmc.Port}", "--password-file"];
        await run.OkAsync([.. setBmc, bmc.WrongPasswordFile()]);
        var refused = await run.RunAsync("takeover", "v", "--power-off");
        Assert.Contains("refuses the password", refused.Errors);
        Assert.Contains("--confirm-off a", refused.Errors);
        Assert.True(bmc.IsOn);
        Assert.DoesNotContain(BmcSimulator.Password, await run.OkAsync([.. setBmc, bmc.PasswordFile]));
        Assert.Contains("Takeover done", await run.OkAsync("takeover", "v", "--power-off"));
        Assert.False(bmc.IsOn);
        Assert.Contains("on b (g2)", await run.OkAsync("status", "v"));
        string events = await run.OkAsync("events");
        Assert.Contains("says that it is off", events);
        Assert.DoesNotContain(BmcSimulator.Password, events + await run.OkAsync("host", "show", "a", "-o", "json"));
        await run.OkAsync("host", "clear-bmc", "a");
    }
}
