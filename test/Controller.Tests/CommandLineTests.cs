using System.Text.Json;
using Umbra.Cli;
using Umbra.Core.Api;
using Umbra.Core.Drift;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>
/// The command line end to end: a controller as a process of its own, fake agents, real TLS between all.
/// </summary>
public sealed class CommandLineTests
{
    [Fact]
    public async Task A_VM_lives_its_life_from_the_command_line()
    {
        await using var run = await CliRun.StartAsync("a", "b", "c");
        string created = await run.OkAsync(
            "vm", "create", "v", "--memory", "64M", "--disk", "size=8M", "--host", "a", "--wait");
        Assert.Contains("v was created on a; protected", created);
        Assert.Contains("just so",
            await run.OkAsync("vm", "create", "v", "--memory", "64M", "--disk", "size=8M", "--host", "a"));
        Assert.Equal(ExitCodes.Refused, (await run.RunAsync("vm", "create", "v", "--memory", "128M")).Code);

        string status = await run.OkAsync("status", "v");
        foreach (string word in new[] { "interval", "lag", "last epoch", "raw bytes", "ratio 9.2x", "p99",
            "protected: as told" })
            Assert.Contains(word, status);
        Assert.Contains("Sync done", await run.OkAsync("sync", "v"));
        string rehearsed = await run.OkAsync("swap", "v", "--dry-run");
        foreach (string word in new[] { "SwapRehearsal done", "CHECK", "capacity", "domains", "standby" })
            Assert.Contains(word, rehearsed);
        Assert.Contains("Plug done", await run.OkAsync("vm", "plug", "v", "--disk", "size=8M"));
        Assert.Contains("already", await run.OkAsync("vm", "plug", "v", "--disk", "size=8M,id=disk1"));

        string swapped = await run.OkAsync("swap", "v");
        Assert.Contains("it runs on b", swapped);
        Assert.Contains("blackout: 10 ms", swapped);
        Assert.Contains("Announce", swapped);
        using var vm = JsonDocument.Parse(await run.OkAsync("vm", "show", "v", "--output", "json"));
        Assert.Equal("b", vm.RootElement.GetProperty("primary").GetString());
        Assert.Equal(2, vm.RootElement.GetProperty("generation").GetInt64());

        Assert.Contains("is not off", (await run.RunAsync("vm", "delete", "v")).Errors);
        await run.OkAsync("vm", "stop", "v", "--wait");
        await run.OkAsync("vm", "delete", "v", "--wait");
        Assert.Equal(ExitCodes.NotFound, (await run.RunAsync("vm", "show", "v")).Code);
    }

    [Fact]
    public async Task A_dry_run_fails_with_what_a_swap_would_be_refused_for()
    {
        await using var run = await CliRun.StartAsync("a", "b");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait");
        await run.OkAsync("host", "cordon", "b", "--reason", "being cleaned");
        var rehearsed = await run.RunAsync("swap", "v", "--dry-run", "--output", "json");
        Assert.Equal(ExitCodes.Failed, rehearsed.Code);
        using var json = JsonDocument.Parse(rehearsed.Output);
        var missing = json.RootElement.GetProperty("result").GetProperty("checks").EnumerateArray()
            .Single(static check => !check.GetProperty("holds").GetBoolean());
        Assert.Equal("cordon", missing.GetProperty("name").GetString());
        Assert.Contains("being cleaned", missing.GetProperty("detail").GetString());
        Assert.Contains("being cleaned", (await run.RunAsync("swap", "v")).Errors);
        Assert.Equal(ExitCodes.Usage, (await run.RunAsync("swap", "v", "--dry-run", "--suspect")).Code);
    }

    [Fact]
    public async Task A_host_left_on_suspicion_is_cordoned_until_it_is_uncordoned()
    {
        await using var run = await CliRun.StartAsync("a", "b");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait");
        await run.OkAsync("swap", "v", "--suspect", "--reason", "its fan is loud");
        Assert.Contains("v was moved away on suspicion: its fan is loud", await run.OkAsync("host", "show", "a"));
        Assert.Contains("host.cordoned", await run.OkAsync("events"));
        Assert.Contains("a is cordoned", await run.OkAsync("status", "v"));
        await run.OkAsync("host", "uncordon", "a");
        await run.UntilAsync(async () =>
            (await run.OkAsync("vm", "list")).Contains("protected", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_takeover_needs_proof_and_then_runs_the_shadow()
    {
        await using var run = await CliRun.StartAsync("a", "b", "c");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait");
        var refused = await run.RunAsync("takeover", "v");
        Assert.Equal(ExitCodes.Refused, refused.Code);
        Assert.Contains("nothing proves", refused.Errors);
        Assert.Contains("--confirm-off a", refused.Errors);
        run.Fleet.Say("v", GuestState.Dead);
        await run.UntilAsync(async () => (await run.OkAsync("status", "v")).Contains("dead", StringComparison.Ordinal));
        Assert.Contains("Takeover done", await run.OkAsync("takeover", "v"));
        Assert.Contains("on b (g2)", await run.OkAsync("status", "v"));
    }

    [Fact]
    public async Task An_automatic_takeover_follows_the_death_of_the_process_by_itself()
    {
        await using var run = await CliRun.StartAsync("a", "b");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--takeover", "auto", "--lease", "1s", "--wait");
        run.Fleet.Say("v", GuestState.Dead);
        await run.UntilAsync(
            async () => (await run.OkAsync("status", "v")).Contains("on b (g2)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_killed_controller_goes_on_where_it_was()
    {
        await using var run = await CliRun.StartAsync("a", "b");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait");
        await run.OkAsync("swap", "v");
        await run.KillAndRestartAsync();
        await run.UntilAsync(
            async () => (await run.RunAsync("status", "v")).Output.Contains(
                "protected: as told", StringComparison.Ordinal));
        Assert.Contains("on b (g2)", await run.OkAsync("status", "v"));
    }

    [Fact]
    public async Task Sigterm_ends_the_controller_cleanly_while_calls_are_held()
    {
        await using var run = await CliRun.StartAsync("a");
        Assert.Equal(0, await run.StopAsync());
    }

    [Fact]
    public async Task Hosts_are_listed_shown_cordoned_and_forgotten()
    {
        await using var run = await CliRun.StartAsync("a", "b");
        Assert.Contains("r-b", await run.OkAsync("host", "list"));
        Assert.Contains("a is cordoned", await run.OkAsync("host", "cordon", "a", "--reason", "fan"));
        Assert.Contains("already (fan)", await run.OkAsync("host", "cordon", "a"));
        Assert.Contains("cordoned", await run.OkAsync("host", "show", "a"));
        Assert.Contains("may be used", await run.OkAsync("host", "uncordon", "a"));
        await run.OkAsync("vm", "create", "v", "--host", "a", "--no-protect");
        Assert.Equal(ExitCodes.Refused, (await run.RunAsync("host", "forget", "a")).Code);
        Assert.Equal(ExitCodes.NotFound, (await run.RunAsync("host", "show", "z")).Code);
        await run.Fleet.SilenceAsync("b"); // its agent would only be refused from now on
        await run.OkAsync("host", "forget", "b");
        Assert.Equal(ExitCodes.NotFound, (await run.RunAsync("host", "show", "b")).Code);
    }

    [Fact]
    public async Task A_VM_whose_hardware_drifts_leaves_it_by_itself_and_its_host_is_cordoned()
    {
        await using var run = await CliRun.StartAsync("a", "b", "c");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait");
        Assert.Contains("nothing speaks against", await run.OkAsync("explain", "v"));
        run.Fleet.Say("v", Drift(1.1));
        await run.UntilAsync(
            async () => (await run.OkAsync("status", "v")).Contains("(g2)", StringComparison.Ordinal));
        Assert.Contains("cordoned", await run.OkAsync("host", "show", "a"));
        string events = await run.OkAsync("events", "--since", "0");
        Assert.Contains("decision.swap", events);
        Assert.Contains("disk.latency is up", events);
    }

    [Fact]
    public async Task Where_a_person_is_asked_the_VM_moves_once_he_approves()
    {
        await using var run = await CliRun.StartAsync("a", "b", "c");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--swap-mode", "approve", "--wait");
        Assert.Equal(ExitCodes.Refused, (await run.RunAsync("approve", "v")).Code);
        run.Fleet.Say("v", Drift(1.1));
        await run.UntilAsync(
            async () => (await run.OkAsync("explain", "v")).Contains("askPerson", StringComparison.Ordinal));
        string shown = await run.OkAsync("drift", "show", "v");
        Assert.Contains("disk.latency", shown);
        Assert.Contains("0.5 (0.4 to 0.75)", shown);
        using (var json = JsonDocument.Parse(await run.OkAsync("explain", "v", "--output", "json")))
            Assert.Equal("askPerson", json.RootElement.GetProperty("step").GetString());
        Assert.Contains("g1", await run.OkAsync("status", "v"));
        await run.OkAsync("approve", "v");
        await run.UntilAsync(
            async () => (await run.OkAsync("status", "v")).Contains("(g2)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Protection_is_turned_off_and_on_and_says_why()
    {
        await using var run = await CliRun.StartAsync("a", "b");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--interval", "100ms", "--wait");
        Assert.Contains("not protected any more", await run.OkAsync("unprotect", "v"));
        Assert.Contains("protection is turned off", await run.OkAsync("status"));
        Assert.Equal(ExitCodes.Usage, (await run.RunAsync("protect", "v", "--disk-mode", "both")).Code);
        Assert.Contains("protected", await run.OkAsync(
            "protect", "v", "--takeover", "auto", "--disk-mode", "backup", "--wait"));
        using var vm = JsonDocument.Parse(await run.OkAsync("vm", "show", "v", "-o", "json"));
        var policy = vm.RootElement.GetProperty("policy");
        Assert.Equal(100, policy.GetProperty("interval").GetInt64());
        Assert.Equal("automatic", policy.GetProperty("takeover").GetString());
        Assert.Equal("backup", policy.GetProperty("diskMode").GetString());
    }

    [Fact]
    public async Task Everything_speaks_JSON()
    {
        await using var run = await CliRun.StartAsync("a", "b");
        await run.OkAsync("vm", "create", "v", "--host", "a", "--wait", "--output", "json");
        string[][] commands =
        [
            ["host", "list"], ["host", "show", "a"], ["host", "token"], ["vm", "list"], ["status"], ["status", "v"],
            ["sync", "v"], ["vm", "start", "v"], ["host", "cordon", "b"], ["env"],
        ];
        foreach (string[] command in commands)
        {
            var result = await run.RunAsync([.. command, "--output", "json"]);
            using var json = JsonDocument.Parse(result.Output);
            Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
        }

        string events = await run.OkAsync("events", "--since", "0", "--output", "json");
        foreach (string line in events.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            using (JsonDocument.Parse(line)) { }
        var missing = await run.RunAsync("status", "z", "--output", "json");
        using var error = JsonDocument.Parse(missing.Errors);
        Assert.Equal(ExitCodes.NotFound, error.RootElement.GetProperty("exitCode").GetInt32());
    }

    [Fact]
    public async Task Events_are_followed_as_they_come()
    {
        await using var run = await CliRun.StartAsync("a");
        using var follower = run.Start("events.log", "events", "--follow", "--since", "0");
        await run.UntilAsync(
            () => Task.FromResult(run.Said("events.log").Contains("host.joined", StringComparison.Ordinal)));
        await run.OkAsync("vm", "create", "followed", "--no-protect");
        await run.UntilAsync(
            () => Task.FromResult(run.Said("events.log").Contains("vm.created", StringComparison.Ordinal)));
        follower.Kill();
    }

    [Theory]
    [InlineData("vm", "create", "UPPER")]
    [InlineData("vm", "create", "v", "--memory", "many")]
    [InlineData("vm", "create", "v", "--disk", "64M")]
    [InlineData("vm", "create", "v", "--interval", "1x")]
    [InlineData("vm", "create", "v", "--takeover", "perhaps")]
    [InlineData("agent", "run", "--name", "a")]
    [InlineData("nonsense")]
    [InlineData("events", "--since", "x")]
    public async Task What_is_not_understood_is_a_usage_error(params string[] arguments)
    {
        await using var run = CliRun.WithoutController();
        var result = await run.RunAsync(arguments);
        // A disk is read after the credential, so this one may fail for lack of it where it would fail anyway.
        Assert.True(result.Code is ExitCodes.Usage or ExitCodes.Unreachable && result.Errors != "", result.Errors);
    }

    [Theory]
    [InlineData("'nonsense'", "umbra --help", "nonsense")]
    [InlineData("size", "umbra vm create --help", "vm", "create", "v", "--memory", "size")]
    public async Task What_is_not_understood_is_told_to_programs_in_JSON(
        string told, string help, params string[] arguments)
    {
        await using var run = CliRun.WithoutController();
        var result = await run.RunAsync([.. arguments, "--output", "json"]);
        using var error = JsonDocument.Parse(result.Errors);
        Assert.Equal(ExitCodes.Usage, result.Code);
        Assert.Equal(ExitCodes.Usage, error.RootElement.GetProperty("exitCode").GetInt32());
        Assert.Contains(told, error.RootElement.GetProperty("error").GetString());
        Assert.Contains(help, error.RootElement.GetProperty("whatToDo").GetString());
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task An_output_format_that_there_is_not_is_told_as_text()
    {
        await using var run = CliRun.WithoutController();
        var result = await run.RunAsync("host", "list", "--output", "xml");
        Assert.Equal(ExitCodes.Usage, result.Code);
        Assert.Contains("xml", result.Errors);
    }

    [Fact]
    public async Task Without_a_controller_the_exit_code_says_so_and_the_text_what_to_do()
    {
        await using var run = CliRun.WithoutController();
        var result = await run.RunAsync("host", "list");
        Assert.Equal(ExitCodes.Unreachable, result.Code);
        Assert.Contains("UMBRA_CONFIG", result.Errors);
    }

    [Fact]
    public async Task The_controllers_own_checks_are_usage_errors_too()
    {
        await using var run = await CliRun.StartAsync("a");
        var result = await run.RunAsync("vm", "create", "v", "--memory", "3M");
        Assert.Equal(ExitCodes.Usage, result.Code);
        Assert.Contains("memory must be", result.Errors);
        result = await run.RunAsync("vm", "create", "v", "--memory", "64G");
        Assert.Equal(ExitCodes.Refused, result.Code);
        Assert.Contains("a has 8 GiB of 8 GiB memory left, 64 GiB is needed", result.Errors);
    }

    [Fact]
    public async Task Every_command_has_help_with_an_example_and_the_exit_codes()
    {
        await using var run = CliRun.WithoutController();
        foreach (string[] path in Commands(UmbraCommandLine.Create(), []).Where(static path => path.Length > 0))
        {
            string help = await run.OkAsync([.. path, "--help"]);
            Assert.Contains("  umbra " + string.Join(' ', path), help);
            Assert.Contains("Exit codes:", help);
        }
    }

    private static DriftStatus Drift(double score) => new()
    {
        State = DriftWatchState.Watching, Reason = "every second is weighed",
        Kpis =
        [
            new KpiDrift
            {
                Kpi = "disk.latency", Score = score, Form = DriftForm.LevelUp, Explanation = "disk.latency is up",
                PrimaryUsual = new UsualRange(0.4, 0.5, 0.75), ShadowUsual = null,
            },
        ],
    };

    private static IEnumerable<string[]> Commands(System.CommandLine.Command command, string[] path) =>
        command.Hidden
            ? []
            : command.Subcommands.SelectMany(sub => Commands(sub, [.. path, sub.Name])).Prepend(path);
}
