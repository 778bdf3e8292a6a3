using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>
/// Umbra's own processes die at random instants and are started again at once, as a supervisor would.
/// </summary>
[Collection(FaultBedTests.Name)]
public sealed class KillTests(FaultBed bed)
{
    private const int Quick = 3;

    /// <summary>The dead agent's last pause is ended by its guard.</summary>
    private static readonly TimeSpan GapMax = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_killed_agent_of_the_primary_is_not_noticed_by_the_guest_and_sends_only_what_differs()
    {
        await bed.BeginAsync();
        await bed.RepeatAsync(FaultBed.Count(Quick), async _ =>
        {
            LabHost host = await bed.PrimaryAsync();
            host.KillAgent();
            EpochNumber known = (await bed.ViewAsync()).PrimaryStatus!.Sync.Acknowledged;
            host.StartAgent();
            SyncStatus after = (await bed.HealedAsync(known)).PrimaryStatus!.Sync;
            Assert.Equal("pagemap", after.Tracker);
            SentOnlyWhatDiffers(after.ResyncPages, after.ResyncBlocks);
        });
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_killed_agent_of_the_shadow_is_not_noticed_by_the_guest_and_gets_only_what_differs()
    {
        await bed.BeginAsync();
        await bed.RepeatAsync(FaultBed.Count(Quick), async _ =>
        {
            VmView before = await bed.ViewAsync();
            LabHost host = bed.Lab.Host(before.Shadow!.Value);
            host.KillAgent();
            host.StartAgent();
            SyncStatus was = before.PrimaryStatus!.Sync;
            SyncStatus after = (await bed.HealedAsync(was.Acknowledged)).PrimaryStatus!.Sync;
            SentOnlyWhatDiffers(after.ResyncPages - was.ResyncPages, after.ResyncBlocks - was.ResyncBlocks);
        });
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_killed_controller_stops_neither_the_guest_nor_its_epochs()
    {
        await bed.BeginAsync();
        await bed.RepeatAsync(FaultBed.Count(Quick), async _ =>
        {
            SyncStatus before = (await bed.ViewAsync()).PrimaryStatus!.Sync;
            bed.Lab.Controller.Kill();
            // What passes meanwhile is seen by the session that goes on counting.
            await bed.Client.WaitForLinesAsync(100, FaultBed.Patience);
            bed.Lab.StartController();
            SyncStatus after = (await bed.WaitAsync(
                "to be heard of", vm => vm.PrimaryStatus?.Sync.Epochs > before.Epochs)).PrimaryStatus!.Sync;
            FaultBed.Say($"epochs while the controller was away: {after.Epochs - before.Epochs}");
            Assert.True(after.Epochs - before.Epochs >= 5, "epochs went on");
            await bed.HealedAsync();
        });
        await bed.EndAsync(GapMax);
    }

    private static void SentOnlyWhatDiffers(long pages, long blocks)
    {
        FaultBed.Say($"resync sent {pages} of {FaultBed.Pages} pages and {blocks} of {FaultBed.Blocks} disk blocks");
        Assert.InRange(pages, 0, FaultBed.Pages / 4);
        Assert.InRange(blocks, 0, FaultBed.Blocks / 2);
    }
}
