using Umbra.Core.Api;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>Devices that a running guest gets are on its shadow too.</summary>
[Collection(GuestBedTests.Name)]
public sealed class HotPlugTests(GuestBed bed)
{
    private const string PluggedDisk = "disk1";
    private const string PluggedNic = "nic1";

    [Fact]
    public async Task A_disk_and_an_interface_plugged_into_a_running_guest_are_there_on_its_shadow_after_a_swap()
    {
        await bed.BeginAsync();
        await using GuestClient client = await bed.ConnectAsync();
        await bed.UmbraAsync(
            "vm", "plug", GuestBed.Name, "--disk", $"size=32M,id={PluggedDisk}",
            "--nic", $"bridge={LabHost.GuestBridge},id={PluggedNic}");
        await Wait.UntilAsync(
            "the guest to see its new devices", SeesDevicesAsync, GuestBed.Patience, bed.Lab.Diagnosis);
        Assert.StartsWith("ok", await bed.Guest.SendAsync("log vdb"), StringComparison.Ordinal);

        VmView view = await bed.ProtectedAsync();
        Assert.Contains(view.Definition.Disks, disk => disk.Id == PluggedDisk);
        Assert.Contains(view.Definition.Nics, nic => nic.Id == PluggedNic);
        await bed.VerifyAsync();

        await bed.SwapAsync(bed.Guest);
        GuestStatus status = await GuestBed.ContentAsync(bed.Guest);
        Assert.Equal((2, 2, 2), (status.Disks, status.Nics, status.Logs));
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
        await bed.ProtectedAsync();
        await bed.VerifyAsync();
        // The bed is not given on: its guest has more than others count on.
    }

    private async Task<bool> SeesDevicesAsync() => await bed.Guest.StatusAsync() is { Disks: 2, Nics: 2 };
}
