using System.Text.Json;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Testing;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>Guests on hosts whose kernel or sandbox has no page tracking.</summary>
[Collection(GuestBedTests.Name)]
public sealed class HashScanTests(GuestBed bed)
{
    [Fact]
    public async Task A_guest_in_a_sandbox_without_userfaultfd_is_protected_and_swapped_by_hashing()
    {
        // Two labs at once would be one guest too many for a small machine.
        await bed.DisposeAsync();
        await using var sandbox = new GuestBed
        {
            Options = new LabOptions
            {
                Hosts = 2,
                AgentLauncher = SyscallFilter.Launcher(SyscallFilter.UserFaultFd, SyscallFilter.NotPermitted),
            },
        };
        VmView first = await sandbox.BeginAsync();
        await using GuestClient client = await sandbox.ConnectAsync();
        await ShowsAsync(sandbox, "seccomp");
        await IsWarnedOnceAsync(sandbox, first.Primary);
        await sandbox.ActAsync("sync", GuestBed.Name);
        await sandbox.VerifyAsync();
        await sandbox.SwapAsync(sandbox.Guest);
        VmView second = await sandbox.ProtectedAsync();
        await IsWarnedOnceAsync(sandbox, second.Primary);
        await sandbox.VerifyAsync();
        await sandbox.SwapAsync(sandbox.Guest);
        await sandbox.ProtectedAsync();
        await sandbox.VerifyAsync();
        await client.WaitForLinesAsync(20, GuestBed.Patience);
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
    }

    [Fact]
    public async Task An_agent_told_to_hash_takes_a_tracked_guest_over_to_hashing_and_its_successor_back()
    {
        VmView before = await bed.BeginAsync();
        Assert.Equal("pagemap", before.PrimaryStatus!.Sync.Tracker);
        LabHost host = bed.Lab.Host(before.Primary);
        host.KillAgent();
        host.StartAgent(null, "--tracker", "hash-scan");
        await HealedAsync(before);
        await ShowsAsync(bed, "was started to do so");
        await bed.VerifyAsync();
        await GuestBed.ContentAsync(bed.Guest);
        host.KillAgent();
        host.StartAgent();
        VmView after = await HealedAsync(await bed.Fleet.VmAsync(GuestBed.Vm));
        Assert.Equal(("pagemap", ""), (after.PrimaryStatus!.Sync.Tracker, after.PrimaryStatus.Sync.TrackerReason));
        await bed.VerifyAsync();
        await GuestBed.ContentAsync(bed.Guest);
        bed.End();
    }

    // The controller still has the dead agent's last words: epochs beyond them are the new one's.
    private Task<VmView> HealedAsync(VmView known) => bed.Fleet.WaitForVmAsync(
        GuestBed.Vm, "to be protected by another agent", vm => vm.Protection == ProtectionState.Protected
            && vm.PrimaryStatus!.Sync is { } sync && sync.Epochs > 0
            && sync.Acknowledged.Value > known.PrimaryStatus!.Sync.Acknowledged.Value + 10
            && sync.Tracker != known.PrimaryStatus.Sync.Tracker,
        GuestBed.Patience);

    private static async Task ShowsAsync(GuestBed bed, string reason)
    {
        using JsonDocument json = await bed.Lab.UmbraAsync("status", GuestBed.Name);
        JsonElement sync = json.RootElement.GetProperty("primaryStatus").GetProperty("sync");
        Assert.Equal("hash-scan", sync.GetProperty("tracker").GetString());
        Assert.Contains(reason, sync.GetProperty("trackerReason").GetString(), StringComparison.Ordinal);
        string text = (await bed.UmbraAsync("status", GuestBed.Name)).Output;
        Assert.Contains("hash-scan: pages are found by hashing", text, StringComparison.Ordinal);
        GuestBed.Say(sync.GetProperty("trackerReason").GetString()!);
    }

    private static async Task IsWarnedOnceAsync(GuestBed bed, HostId host)
    {
        EventPage page = await bed.Fleet.EventsAsync(0);
        FleetEvent warning = Assert.Single(page.Events, one => one.Kind == "tracker.slow" && one.Host == host);
        string log = await File.ReadAllTextAsync(Path.Combine(bed.Lab.LogDirectory, host + ".log"));
        string line = Assert.Single(log.Split('\n'), one => one.Contains("tracker.slow", StringComparison.Ordinal));
        Assert.Contains("warn", line, StringComparison.Ordinal);
        Assert.Contains(warning.Text, line, StringComparison.Ordinal);
    }
}
