using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>A VM that runs already is taken over as it is, or refused with the reason.</summary>
[Collection(GuestBedTests.Name)]
public sealed class AttachTests(GuestBed bed)
{
    private const string Shared = "memory-backend-memfd,id=mem,size=256M,share=on";
    private const string Private = "memory-backend-ram,id=mem,size=256M";

    [Fact]
    public async Task A_running_guest_that_umbra_did_not_start_is_protected_and_swapped_without_noticing()
    {
        const string name = "taken";
        await bed.BeginAsync();
        LabHost host = bed.Lab.Hosts[0];
        PlainQemu plain = PlainQemu.Start(bed.Lab, host, Shared);
        try
        {
            await using GuestClient client = await bed.ConnectAsync(PlainQemu.Address);
            await AttachAsync(name, host, plain, "--interval", "100ms", "--wait");
            var guest = new GuestConsole(bed.Lab.ClientDoor, PlainQemu.Address);
            await bed.ProtectedAsync(new VmId(name));
            await bed.VerifyAsync(name);
            await bed.SwapAsync(guest, name);
            await bed.ProtectedAsync(new VmId(name));
            await bed.VerifyAsync(name);
            await client.WaitForLinesAsync(20, GuestBed.Patience);
            Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
            await bed.UmbraAsync("vm", "delete", name, "--force", "--wait");
        }
        finally
        {
            plain.Remove();
        }

        bed.End();
    }

    [Fact]
    public async Task A_running_guest_whose_memory_is_private_is_refused_with_what_to_do_and_left_alone()
    {
        const string name = "refused";
        await bed.BeginAsync();
        LabHost host = bed.Lab.Hosts[0];
        PlainQemu plain = PlainQemu.Start(bed.Lab, host, Private);
        try
        {
            await AttachAsync(name, host, plain);
            VmView view = await bed.Fleet.WaitForVmAsync(
                new VmId(name), "to be refused",
                vm => vm.Reason.Contains("use memory-backend-memfd with share=on", StringComparison.Ordinal),
                GuestBed.Patience);
            GuestBed.Say(view.Reason);
            Assert.Equal(ProtectionState.Unprotected, view.Protection);
            await bed.UmbraAsync("vm", "delete", name, "--force", "--wait");
            Assert.Contains(plain.Process, NetworkNamespace.Processes(host.Space.Name));
            await using GuestClient client = await bed.ConnectAsync(PlainQemu.Address);
        }
        finally
        {
            plain.Remove();
        }

        bed.End();
    }

    private Task<CommandResult> AttachAsync(string name, LabHost host, PlainQemu plain, params string[] more) =>
        bed.UmbraAsync(
        [
            "vm", "attach", name, "--host", host.Name.Value,
            "--pid", plain.Process.ToString(CultureInfo.InvariantCulture),
            "--qmp", plain.Qmp, "--qmp2", plain.SecondQmp, .. more,
        ]);
}
