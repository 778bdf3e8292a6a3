using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>
/// Whoever has a QEMU's monitor can plug devices into it without Umbra: the shadow follows, or the protection says why
/// it cannot.
/// </summary>
[Collection(GuestBedTests.Name)]
public sealed class HandPlugTests(GuestBed bed)
{
    private const string Name = "byhand";

    private static readonly VmId Vm = new(Name);

    [Fact]
    public async Task A_disk_and_an_interface_plugged_in_by_qemus_own_monitor_are_there_on_the_shadow_after_a_swap()
    {
        await bed.BeginAsync();
        PlainQemu plain = PlainQemu.Start(bed.Lab, bed.Lab.Hosts[0], PlainQemu.SharedRam(bed.Lab.Hosts[0]));
        try
        {
            GuestConsole guest = await BeginAsync(plain);
            await using GuestClient client = await bed.ConnectAsync(PlainQemu.Address);
            await plain.PlugDiskAsync("extra");
            await plain.PlugNicAsync("second");
            await Wait.UntilAsync(
                "the guest to see its new devices",
                async () => await guest.StatusAsync() is { Disks: 2, Nics: 2 }, GuestBed.Patience, bed.Lab.Diagnosis);
            Assert.StartsWith("ok", await guest.SendAsync("log vdb"), StringComparison.Ordinal);
            VmView view = await bed.Fleet.WaitForVmAsync(
                Vm, "to be known with its new devices",
                vm => vm.Definition is { Disks.Count: 2, Nics.Count: 2 }, GuestBed.Patience);
            Assert.Contains(
                view.Definition.ExtraArguments, a => a.Contains("serial=by-hand", StringComparison.Ordinal));
            await bed.ProtectedAsync(Vm);
            await bed.VerifyAsync(Name);

            await bed.SwapAsync(guest, Name);
            GuestStatus status = await GuestBed.ContentAsync(guest);
            Assert.Equal((2, 2, 2), (status.Disks, status.Nics, status.Logs));
            Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
            await bed.ProtectedAsync(Vm);
            await bed.VerifyAsync(Name);
            await bed.UmbraAsync("vm", "delete", Name, "--force", "--wait");
        }
        finally
        {
            plain.Remove();
        }

        bed.End();
    }

    [Fact]
    public async Task A_device_that_cannot_be_followed_stops_the_epochs_with_the_reason_until_it_is_taken_out_again()
    {
        await bed.BeginAsync();
        PlainQemu plain = PlainQemu.Start(
            bed.Lab, bed.Lab.Hosts[0], PlainQemu.SharedRam(bed.Lab.Hosts[0]), "-only-migratable");
        try
        {
            GuestConsole guest = await BeginAsync(plain);
            await using GuestClient client = await bed.ConnectAsync(PlainQemu.Address);
            // One that QEMU cannot save would end it if it came between an epoch's question and its save.
            Assert.Contains(
                "not migratable", (await plain.PlugAsync("bad", "nvme")).Description, StringComparison.Ordinal);
            QmpOutcome<QmpNothing> plugged = await plain.PlugAsync("odd", "virtio-rng-pci");
            Assert.True(plugged.IsOk, plugged.ToString());
            VmView view = await bed.Fleet.WaitForVmAsync(
                Vm, "to be unprotectable",
                vm => vm is { Protection: ProtectionState.Degraded, Guest: GuestState.Running }
                    && vm.Reason.Contains("device_del odd", StringComparison.Ordinal),
                GuestBed.Patience);
            GuestBed.Say(view.Reason);
            Assert.Contains("virtio-rng-pci", view.Reason, StringComparison.Ordinal);
            EpochNumber last = view.PrimaryStatus!.Sync.Acknowledged;
            await client.WaitForLinesAsync(20, GuestBed.Patience);
            Assert.Equal(last, (await bed.Fleet.VmAsync(Vm)).PrimaryStatus!.Sync.Acknowledged);
            Assert.NotEqual(0, (await bed.Lab.TryUmbraAsync("swap", Name)).ExitCode);

            await plain.UnplugAsync("odd");
            await bed.ProtectedAsync(Vm);
            await bed.VerifyAsync(Name);
            await bed.SwapAsync(guest, Name);
            Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
            await bed.UmbraAsync("vm", "delete", Name, "--force", "--wait");
        }
        finally
        {
            plain.Remove();
        }

        bed.End();
    }

    private async Task<GuestConsole> BeginAsync(PlainQemu plain)
    {
        await using GuestClient booted = await bed.ConnectAsync(PlainQemu.Address);
        await plain.AttachAsync(bed, Name, "--interval", "100ms", "--wait");
        await bed.ProtectedAsync(Vm);
        return new GuestConsole(bed.Lab.ClientDoor, PlainQemu.Address);
    }
}
