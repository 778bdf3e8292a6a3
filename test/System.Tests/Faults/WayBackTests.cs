using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>
/// A host wins a VM and loses it again before it was known to run there: the old copy is whole, and goes on.
/// </summary>
[Collection(FaultBedTests.Name)]
public sealed class WayBackTests(FaultBed bed)
{
    [Fact]
    public async Task A_winner_that_reboots_before_the_vm_ran_there_has_the_old_copy_go_on_with_nothing_lost()
    {
        VmView before = await BeginLeasedAsync();
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
        await EndWithTheSameBootAsync(bootId);
    }

    [Fact]
    public async Task A_vm_that_died_on_its_winner_goes_back_to_the_host_that_promises_to_keep_the_old_copy()
    {
        VmView before = await BeginLeasedAsync();
        LabHost primary = bed.Lab.Host(before.Primary);
        LabHost shadow = bed.Lab.Host(before.Shadow!.Value);
        string bootId = (await bed.Console.StatusAsync()).BootId;
        int standby = Assert.Single(Copies.On(shadow));
        Copies.Signal(standby, "STOP");
        // Where it runs for a moment nobody is to hear it: neither the controller nor the guest's client.
        shadow.CutLan();
        primary.CutManagement();
        await bed.WaitAsync("to be won by its shadow", vm => vm.Primary == before.Shadow);
        primary.HealManagement();
        // The winner hears at once that it is to run the VM, long before this host has found its way back.
        await IsHeardAsync(primary.Name);
        shadow.CutManagement();
        await NothingIsOnItsWayAsync(shadow);
        Copies.Signal(standby, "CONT");
        await Wait.UntilAsync(
            "the winner to run the VM", async () => (await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(100)))
                .SequenceEqual([shadow.Name]), FaultBed.Patience, bed.Lab.Diagnosis);
        Copies.Kill(Assert.Single(Copies.On(shadow)));
        shadow.HealLan();
        shadow.HealManagement();
        VmView after = await RunsAgainAsync(before);
        await bed.SayEventsAsync();
        Assert.Equal(before.Generation.Next.Next, after.Generation);
        Assert.Contains(await EventsAsync(), one => one.Kind == "takeover.started" && one.Host == primary.Name);
        await EndWithTheSameBootAsync(bootId);
    }

    private async Task<VmView> BeginLeasedAsync()
    {
        await bed.BeginAsync();
        await bed.ProtectAsync("--takeover", "auto", "--lease", "2s");
        return await bed.HealedAsync();
    }

    private async Task EndWithTheSameBootAsync(string bootId)
    {
        Assert.Equal(bootId, (await bed.Console.StatusAsync()).BootId);
        await bed.GuestIsContentAsync();
        await bed.HealedAsync();
        await bed.ProtectAsync("--takeover", "manual");
        await bed.EndAsync(FaultBed.Patience);
    }

    // All the while one copy runs at most.
    private async Task<VmView> RunsAgainAsync(VmView before)
    {
        long start = Stopwatch.GetTimestamp();
        VmView after;
        do
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < FaultBed.Patience, bed.Lab.Diagnosis());
            IReadOnlyList<HostId> running = await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(200));
            Assert.True(running.Count <= 1, $"two copies run: {string.Join(' ', running)}");
            after = await bed.ViewAsync();
        }
        while (after.Primary != before.Primary);
        await bed.WaitAsync("to run where it stood still", static vm => vm.Guest == GuestState.Running);
        Assert.Equal([before.Primary], await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(500)));
        return after;
    }

    private Task IsHeardAsync(HostId host) => Wait.UntilAsync(
        $"{host} to be heard", async () => (await bed.Fleet.FleetAsync()).Hosts.Single(one => one.Name == host).Alive,
        FaultBed.Patience, bed.Lab.Diagnosis);

    // What was sent on a connection that is cut still arrives when it is healed; on one not yet made nothing is.
    private Task NothingIsOnItsWayAsync(LabHost host) => Wait.UntilAsync(
        $"{host.Name} to have given up its connections to the controller", () =>
        {
            CommandResult open = host.Space.TryRun(
                "ss", "-Htn", "state", "established", "dst", FleetLab.ControllerAddress);
            Assert.True(open.ExitCode == 0, open.Error);
            return Task.FromResult(open.Output.Trim().Length == 0);
        },
        FaultBed.Patience, bed.Lab.Diagnosis);

    private async Task<IReadOnlyList<FleetEvent>> EventsAsync() => (await bed.Fleet.EventsAsync(0)).Events;
}
