using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>What the command line does to a VM that runs, and how it ends.</summary>
[Collection(GuestBedTests.Name)]
public sealed class CommandTests(GuestBed bed)
{
    private const int NotFound = 3;
    private const int Refused = 4;

    [Fact]
    public async Task A_swap_that_is_only_tried_leaves_the_guest_where_it_is()
    {
        VmView before = await bed.BeginAsync();
        await using GuestClient client = await bed.ConnectAsync();
        VmActionResult tried = await bed.ActAsync("swap", GuestBed.Name, "--dry-run");
        GuestBed.Say($"tried: {tried.Detail}: " + string.Join(
            ", ", tried.Phases.Select(p => $"{p.Name} {p.Duration.TotalMilliseconds:0.0} ms")));
        Assert.DoesNotContain(tried.Phases, phase => phase.Name == "Fence");
        VmView after = await bed.ProtectedAsync();
        Assert.Equal((before.Primary, before.Generation), (after.Primary, after.Generation));
        await GuestBed.ContentAsync(bed.Guest);
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
        bed.End();
    }

    [Fact]
    public async Task A_vm_that_loses_its_protection_runs_on_and_gets_a_new_shadow_when_asked()
    {
        VmView before = await bed.BeginAsync();
        await using GuestClient client = await bed.ConnectAsync();
        await bed.UmbraAsync("unprotect", GuestBed.Name);
        await bed.Fleet.WaitForVmAsync(
            GuestBed.Vm, "to have no shadow",
            vm => vm is { Protection: ProtectionState.Unprotected, Shadow: null, Removing.Count: 0 },
            GuestBed.Patience);
        LabHost former = bed.Lab.Host(before.Shadow!.Value);
        string files = Path.Combine(former.StateDirectory, "vms", GuestBed.Name);
        Assert.False(Directory.Exists(files), $"the controller called {files} gone");
        Assert.Equal(Refused, (await bed.Lab.TryUmbraAsync("swap", GuestBed.Name)).ExitCode);
        Assert.Equal(Refused, (await bed.Lab.TryUmbraAsync("sync", GuestBed.Name)).ExitCode);

        await bed.UmbraAsync("protect", GuestBed.Name, "--wait");
        await bed.ActAsync("sync", GuestBed.Name);
        await bed.VerifyAsync();
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
        bed.End();
    }

    [Fact]
    public async Task A_vm_that_is_turned_off_and_on_boots_from_its_disk_and_is_protected_again()
    {
        await bed.BeginAsync();
        GuestStatus before = await bed.Guest.StatusAsync();
        await bed.UmbraAsync("vm", "stop", GuestBed.Name, "--wait");
        Assert.Equal(Refused, (await bed.Lab.TryUmbraAsync("swap", GuestBed.Name)).ExitCode);
        await bed.UmbraAsync("vm", "start", GuestBed.Name, "--wait");
        await using GuestClient client = await bed.ConnectAsync();
        VmView view = await bed.ProtectedAsync();
        GuestStatus after = await GuestBed.ContentAsync(bed.Guest);
        Assert.NotEqual(before.BootId, after.BootId);
        Assert.Equal(GuestState.Running, view.Guest);
        await bed.VerifyAsync();
        bed.End();
    }

    [Fact]
    public async Task A_guest_that_switched_itself_off_boots_again_after_stop_and_start()
    {
        await bed.BeginAsync();
        GuestStatus before = await bed.Guest.StatusAsync();
        await bed.Guest.SendLastAsync("poweroff");
        await bed.Fleet.WaitForVmAsync(
            GuestBed.Vm, "to be off by itself", vm => vm.Guest == GuestState.ShutDown, GuestBed.Patience);
        await bed.UmbraAsync("vm", "stop", GuestBed.Name, "--wait");
        await bed.Fleet.WaitForVmAsync(
            GuestBed.Vm, "to be off by the agent's word", vm => vm.Guest == GuestState.Absent, GuestBed.Patience);
        await bed.UmbraAsync("vm", "start", GuestBed.Name, "--wait");
        await using GuestClient client = await bed.ConnectAsync();
        await bed.ProtectedAsync();
        GuestStatus after = await GuestBed.ContentAsync(bed.Guest);
        Assert.NotEqual(before.BootId, after.BootId);
        await bed.VerifyAsync();
        bed.End();
    }

    [Fact]
    public async Task A_vm_that_does_not_exist_is_not_found_by_any_command()
    {
        await bed.BeginAsync();
        string[][] commands =
        [
            ["swap", "nobody"], ["sync", "nobody"], ["vm", "show", "nobody"], ["vm", "verify", "nobody"],
            ["protect", "nobody"], ["vm", "stop", "nobody"],
        ];
        foreach (string[] command in commands)
        {
            CommandResult result = await bed.Lab.TryUmbraAsync(command);
            Assert.True(result.ExitCode == NotFound, $"{string.Join(' ', command)}: {result.ExitCode} {result.Error}");
            Assert.Contains("nobody", result.Error, StringComparison.Ordinal);
        }

        bed.End();
    }
}
