using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>A host wins a VM and goes down before the VM ran there: the old copy is whole, and goes on.</summary>
[Collection(FaultBedTests.Name)]
public sealed class WayBackTests(FaultBed bed)
{
    [Fact]
    public async Task A_winner_that_reboots_before_the_vm_ran_there_has_the_old_copy_go_on_with_nothing_lost()
    {
        await bed.BeginAsync();
        await bed.ProtectAsync("--takeover", "auto", "--lease", "2s");
        VmView before = await bed.HealedAsync();
        LabHost primary = bed.Lab.Host(before.Primary);
        LabHost shadow = bed.Lab.Host(before.Shadow!.Value);
        string bootId = (await bed.Console.StatusAsync()).BootId;
        // What is won cannot be brought up: the standby takes no device state, and its agent waits for it.
        Copies.Signal(Assert.Single(Copies.On(shadow)), "STOP");
        primary.CutManagement();
        await bed.WaitAsync("to be won by its shadow", vm => vm.Primary == before.Shadow);
        Assert.Empty(await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(500)));
        await shadow.RebootAsync();
        await Wait.UntilAsync(
            "the VM to be given up", async () => (await bed.Fleet.EventsAsync(0)).Events.Any(
                static one => one.Kind == "shadow.gave-up"), FaultBed.Patience, bed.Lab.Diagnosis);
        Assert.Empty(await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(500)));
        primary.HealManagement();
        VmView after = await bed.WaitAsync(
            "to run where it stood still", vm => vm.Primary == before.Primary && vm.Guest == GuestState.Running);
        await bed.SayEventsAsync();
        Assert.Equal(before.Generation.Next.Next, after.Generation);
        Assert.Equal([before.Primary], await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(500)));
        Assert.Equal(bootId, (await bed.Console.StatusAsync()).BootId);
        await bed.GuestIsContentAsync();
        await bed.HealedAsync();
        await bed.ProtectAsync("--takeover", "manual");
        await bed.EndAsync(FaultBed.Patience);
    }
}
