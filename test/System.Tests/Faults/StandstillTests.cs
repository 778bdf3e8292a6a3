using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>An agent stands still without having died, and the server of its VMs' mirrors with it.</summary>
[Collection(FaultBedTests.Name)]
public sealed class StandstillTests(FaultBed bed)
{
    private static readonly TimeSpan Frozen = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan StallMax = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task An_agent_that_stands_still_stalls_neither_the_guest_nor_its_disk_for_a_second()
    {
        await bed.BeginAsync();
        await bed.RepeatAsync(FaultBed.Count(3), async _ => await StandStillAsync(bed));
        await bed.EndAsync(StallMax);
    }

    [Fact]
    public async Task A_shadow_that_stands_still_stalls_nobody()
    {
        await bed.BeginAsync();
        bed.BeginFault();
        LabHost host = await bed.ShadowAsync();
        Copies.Signal(host.Agent.Id, "STOP");
        await bed.WaitAsync("to be degraded", vm => vm.Protection != ProtectionState.Protected);
        await bed.Client.WaitForLinesAsync(100, FaultBed.Patience);
        Copies.Signal(host.Agent.Id, "CONT");
        await bed.HealedAsync();
        bed.EndFault();
        await bed.EndAsync(StallMax);
    }

    /// <summary>The primary's agent stands still, and no write of the guest's may wait for it for long.</summary>
    internal static async Task StandStillAsync(FaultBed bed)
    {
        LabHost host = await bed.PrimaryAsync();
        EpochNumber known = (await bed.ViewAsync()).PrimaryStatus!.Sync.Acknowledged;
        await bed.Console.SendAsync("reset");
        Copies.Signal(host.Agent.Id, "STOP");
        await Task.Delay(Frozen, TestContext.Current.CancellationToken);
        GuestStatus status = await bed.Console.StatusAsync();
        var slowest = TimeSpan.FromTicks(status.DiskWriteMaxNs / TimeSpan.NanosecondsPerTick);
        FaultBed.Say($"slowest disk write of the guest: {slowest.TotalMilliseconds:0} ms");
        if (host.Agent.HasExited)
        {
            // It stood still in the middle of a pause, and its guard ended it.
            FaultBed.Say("it was ended in a pause");
            host.StartAgent();
        }
        else
        {
            Copies.Signal(host.Agent.Id, "CONT");
        }

        Assert.True(slowest <= StallMax, $"a disk write of the guest took {slowest}");
        await bed.HealedAsync(known);
    }
}
