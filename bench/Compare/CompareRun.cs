using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Umbra.Bench.Guests;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Compare;

/// <summary>The methods, one after another.</summary>
internal sealed class CompareRun(Workload workload, int rounds, long memoryBytes, BenchReport report)
{
    private const long BandwidthUnlimited = 1L << 40;
    private static readonly TimeSpan s_migrationMax = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_coloMax = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan s_speedTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    private double _bare;
    private double _swapMs;

    public async Task RunAsync()
    {
        await using GuestLab lab = await GuestLab.CreateAsync(hosts: 3);
        VmView vm = await lab.CreateVmAsync(workload, memoryBytes);
        report.Accelerator = vm.Definition.Accelerator;
        report.QemuVersion = (await lab.Fleet.FleetAsync()).Hosts[0].Description!.QemuVersion;
        _bare = await lab.SpeedAsync(workload, s_speedTime);
        await TryAsync("umbra", () => UmbraAsync(lab));
        await lab.RemoveVmAsync();
        await TryAsync("live migration", () => MigrateAsync(lab, "live migration", []));
        await TryAsync("live migration, tuned", () => MigrateAsync(lab, "live migration, tuned", ["multifd"]));
        await TryAsync("checkpoint by migrate", () => CheckpointAsync(lab));
        await TryAsync("colo", () => ColoAsync(lab));
    }

    private async Task TryAsync(string name, Func<Task> method)
    {
        Progress.Say(name);
        try
        {
            await method();
        }
        catch (Exception e) when (e is IOException or CommandException or FleetException or TimeoutException)
        {
            report.Add(name, new Dictionary<string, double?> { ["totalMs"] = null }, e.Message.Split('\n')[0]);
        }
    }

    private async Task UmbraAsync(GuestLab lab)
    {
        await lab.ProtectAsync(s_interval);
        SyncStatus before = (await lab.Fleet.VmAsync(GuestLab.Vm)).PrimaryStatus!.Sync;
        double speed = await lab.SpeedAsync(workload, s_speedTime * 2);
        SyncStatus after = (await lab.Fleet.VmAsync(GuestLab.Vm)).PrimaryStatus!.Sync;
        double epochs = Math.Max(1, after.Epochs - before.Epochs);
        report.Add("umbra, an epoch a second", new Dictionary<string, double?>
        {
            ["blackoutMs"] = Statistics.Round(after.Pause.MeanMs),
            ["sentMB"] = Statistics.Round((after.WireBytes - before.WireBytes) / epochs / 1e6),
            ["slowdownPercent"] = Slowdown(speed),
        }, "of each epoch");
        var totals = new List<double>();
        var blackouts = new List<double>();
        for (int i = 0; i < rounds; i++)
        {
            using JsonDocument json = await lab.Lab.UmbraAsync("swap", GuestLab.Vm.Value, "--reason", "benchmark");
            VmActionResult result = json.Deserialize<ActionView>(FleetJson.Options)!.Result!;
            if (!result.Succeeded) throw new CommandException(result.Detail);
            PhaseTime resume = result.Phases.First(phase => phase.Name == SwapPhases.Resume);
            totals.Add(resume.End.TotalMilliseconds);
            if (SwapPhases.Blackout(result.Phases) is { } blackout) blackouts.Add(blackout.TotalMilliseconds);
            await lab.ProtectedAsync();
        }

        _swapMs = Statistics.Median(totals);
        Add("umbra, warm swap", totals, blackouts, [], null, "decision to running; memory and disk");
    }

    private async Task MigrateAsync(GuestLab lab, string name, string[] capabilities)
    {
        string disks = MakeDisks(lab, name);
        var all = new List<MigrationFigures>();
        LabHost[] hosts = [lab.Lab.Hosts[0], lab.Lab.Hosts[1]];
        PlainQemu running = await StartAsync(lab, hosts[0], disks, incoming: false);
        try
        {
            await WaitForGuestAsync(lab);
            for (int i = 0; i < rounds; i++)
            {
                PlainQemu next = await StartAsync(lab, hosts[(i + 1) % 2], disks, incoming: true);
                try
                {
                    all.Add(await MigrateAsync(lab, running, next, capabilities));
                }
                catch
                {
                    next.Dispose();
                    throw;
                }

                running.Dispose();
                running = next;
                await WaitForGuestAsync(lab);
            }
        }
        finally
        {
            running.Dispose();
        }

        Add(name, [.. all.Select(m => m.TotalMs)], [.. all.Select(m => m.DowntimeMs)],
            [.. all.Select(m => m.Bytes / 1e6)], null, "memory alone, the disk is shared");
    }

    private static async Task<MigrationFigures> MigrateAsync(
        GuestLab lab, PlainQemu from, PlainQemu to, string[] capabilities)
    {
        string uri = "unix:" + Path.Combine(lab.Lab.Directory, "m" + Guid.NewGuid().ToString("N")[..6]);
        bool isTuned = capabilities.Length > 0;
        foreach (PlainQemu one in new[] { from, to })
        {
            await one.EnableAsync(capabilities);
            if (isTuned) await one.RunAsync("migrate-set-parameters", Tuning());
        }

        await to.RunAsync("migrate-incoming", new JsonObject { ["uri"] = uri });
        return await Migration.RunAsync(from, uri, s_migrationMax);
    }

    private static JsonObject Tuning() => new() { ["max-bandwidth"] = BandwidthUnlimited, ["multifd-channels"] = 2 };

    private async Task CheckpointAsync(GuestLab lab)
    {
        using PlainQemu qemu = await StartAsync(lab, lab.Lab.Hosts[0], MakeDisks(lab, "checkpoint"), incoming: false);
        await WaitForGuestAsync(lab);
        using var sink = new ByteSink(Path.Combine(lab.Lab.Directory, "sink"));
        await qemu.RunAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = BandwidthUnlimited });
        var pauses = new List<double>();
        var sent = new List<double>();
        long start = Stopwatch.GetTimestamp();
        long operations = await lab.OperationsAsync(workload);
        using var timer = new PeriodicTimer(s_interval);
        for (int i = 0; i < rounds; i++)
        {
            await timer.WaitForNextTickAsync();
            long bytes = sink.Bytes;
            long pause = Stopwatch.GetTimestamp();
            await qemu.RunAsync("stop");
            await Migration.RunAsync(qemu, sink.Uri, s_migrationMax);
            await qemu.RunAsync("cont");
            pauses.Add(Stopwatch.GetElapsedTime(pause).TotalMilliseconds);
            sent.Add((sink.Bytes - bytes) / 1e6);
        }

        operations = await lab.OperationsAsync(workload) - operations;
        double speed = operations / Stopwatch.GetElapsedTime(start).TotalSeconds;
        Add("checkpoint by migrate, one a second", pauses, pauses, sent, speed, "whole memory inside each pause");
    }

    // Memory alone (no disk replication, no comparison of packets): the least that COLO can be.
    private async Task ColoAsync(GuestLab lab)
    {
        string disks = MakeDisks(lab, "colo");
        using PlainQemu primary = await StartAsync(lab, lab.Lab.Hosts[0], disks, incoming: false);
        await WaitForGuestAsync(lab);
        using PlainQemu secondary = await StartAsync(lab, lab.Lab.Hosts[1], disks, incoming: true);
        string uri = "unix:" + Path.Combine(lab.Lab.Directory, "colo.sock");
        await primary.EnableAsync("x-colo");
        await secondary.EnableAsync("x-colo");
        await primary.RunAsync("migrate-set-parameters", new JsonObject { ["x-checkpoint-delay"] = 1000 });
        await secondary.RunAsync("migrate-incoming", new JsonObject { ["uri"] = uri });
        double speed;
        try
        {
            await primary.RunAsync("migrate", new JsonObject { ["uri"] = uri });
            await WaitForColoAsync(primary);
            speed = await lab.SpeedAsync(workload, s_speedTime).WaitAsync(s_coloMax);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            string what = e is IOException ? e.Message : "the guest does not answer";
            string alive = $"primary {(primary.IsAlive ? "lives" : "died")}, secondary {Alive(secondary)}";
            throw new IOException($"{what} ({alive}; {primary.LastWords} {secondary.LastWords})", e);
        }

        Add("colo, one checkpoint a second", [], [], [], speed, "memory alone; its pauses are not told by QEMU");
    }

    private static string Alive(PlainQemu qemu) => qemu.IsAlive ? "lives" : "died";

    private static async Task WaitForColoAsync(PlainQemu primary)
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        string status = "";
        while (status != "colo")
        {
            await timer.WaitForNextTickAsync();
            JsonElement state = await primary.RunAsync("query-migrate");
            status = state.TryGetProperty("status", out JsonElement text) ? text.GetString()! : "none";
            if (status == "failed" || Stopwatch.GetElapsedTime(start) > s_coloMax)
                throw new IOException($"COLO did not begin: migration {status}");
        }
    }

    private void Add(
        string name, List<double> totals, List<double> blackouts, List<double> megabytes, double? speed, string note) =>
        report.Add(name, new Dictionary<string, double?>
        {
            ["totalMs"] = Median(totals), ["blackoutMs"] = Median(blackouts), ["sentMB"] = Median(megabytes),
            ["slowdownPercent"] = speed is { } known ? Slowdown(known) : null,
            ["toSwapRatio"] = totals.Count == 0 || _swapMs == 0
                ? null : Statistics.Round(Statistics.Median(totals) / _swapMs),
        }, note);

    private static double? Median(List<double> values) =>
        values.Count == 0 ? null : Statistics.Round(Statistics.Median(values));

    private double? Slowdown(double speed) => _bare <= 0 ? null : Statistics.Round(100 * (1 - (speed / _bare)));

    private Task<PlainQemu> StartAsync(GuestLab lab, LabHost host, string disks, bool incoming) =>
        PlainQemu.StartAsync(lab, host, workload, disks, incoming, memoryBytes);

    private async Task WaitForGuestAsync(GuestLab lab)
    {
        await (await GuestClient.ConnectAsync(lab.Lab.ClientDoor, GuestImage.AddressDefault, GuestLab.Patience))
            .DisposeAsync();
        await lab.SpeedAsync(workload, TimeSpan.FromSeconds(1));
    }

    private static string MakeDisks(GuestLab lab, string name)
    {
        string directory = Path.Combine(lab.Lab.Directory, "disks-" + string.Concat(name.Where(char.IsAsciiLetter)));
        Directory.CreateDirectory(directory);
        foreach ((string disk, int megabytes) in new[] { ("disk0", 64), ("disk1", 128) })
        {
            using FileStream file = File.Create(Path.Combine(directory, disk + ".raw"));
            file.SetLength((long)megabytes * Sizes.MiB);
        }

        return directory;
    }
}
