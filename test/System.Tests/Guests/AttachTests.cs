using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>A VM that runs already is taken over as it is, or refused with the reason.</summary>
[Collection(GuestBedTests.Name)]
public sealed class AttachTests(GuestBed bed)
{
    private const int Refused = 4;
    private const string Private = "memory-backend-ram,id=mem,size=256M";

    [Fact]
    public async Task A_running_guest_that_umbra_did_not_start_is_protected_and_swapped_without_noticing()
    {
        const string name = "taken";
        await bed.BeginAsync();
        LabHost host = bed.Lab.Hosts[0];
        PlainQemu plain = PlainQemu.Start(bed.Lab, host, PlainQemu.SharedRam(host));
        try
        {
            await using GuestClient client = await bed.ConnectAsync(PlainQemu.Address);
            await plain.AttachAsync(bed, name, "--interval", "100ms", "--wait");
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
            foreach (string[] more in (string[][])[[], ["--wait"]])
            {
                CommandResult refused = await bed.Lab.TryUmbraAsync(plain.AttachCommand(name, more));
                GuestBed.Say(refused.Error);
                Assert.Equal(Refused, refused.ExitCode);
                Assert.Contains("use memory-backend-file with share=on", refused.Error, StringComparison.Ordinal);
            }

            VmView view = await bed.Fleet.VmAsync(new VmId(name));
            Assert.Equal(ProtectionState.Unprotected, view.Protection);
            Assert.NotEmpty(view.PrimaryStatus!.Refusals);
            Assert.Contains(plain.Process, NetworkNamespace.Processes(host.Space.Name));
            await using (await bed.ConnectAsync(PlainQemu.Address))
                plain.Remove();

            // Started anew as it should be, under the same name, and nothing to clear up before.
            plain = PlainQemu.Start(bed.Lab, host, PlainQemu.SharedRam(host));
            await plain.AttachAsync(bed, name);
            await bed.ProtectedAsync(new VmId(name));
            await bed.UmbraAsync("vm", "delete", name, "--force", "--wait");
        }
        finally
        {
            plain.Remove();
        }

        bed.End();
    }
}
