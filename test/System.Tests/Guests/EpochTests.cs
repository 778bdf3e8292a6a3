using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>A shadow is the primary, epoch by epoch, while the guest works.</summary>
[Collection(GuestBedTests.Name)]
public sealed class EpochTests(GuestBed bed)
{
    /// <summary>Time between epochs may exceed the one asked for by this much on a busy machine.</summary>
    private const double IntervalSlack = 1.5;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task Every_page_and_block_of_the_shadow_equals_the_primary_at_each_compared_epoch_under_load()
    {
        await bed.BeginAsync();
        GuestStatus before = await bed.Guest.StatusAsync();
        ulong last = 0;
        const int count = 50;
        for (int i = 0; i < count; i++)
        {
            VmActionResult result = await bed.VerifyAsync();
            Assert.True(result.Epoch.Value > last, $"{result.Epoch} is a new epoch");
            last = result.Epoch.Value;
        }

        GuestStatus after = await GuestBed.ContentAsync(bed.Guest);
        Assert.True(after.Ops > before.Ops + (count * 100), $"{after.Ops - before.Ops} writes of the guest meanwhile");
        GuestBed.Say($"{count} epochs compared, the guest wrote {after.Ops - before.Ops} pages and blocks meanwhile");
        bed.End();
    }

    [Fact]
    public async Task After_200_epochs_at_20_a_second_a_swap_keeps_memory_disk_and_the_tcp_connection()
    {
        const int epochs = 200;
        VmView view = await bed.BeginAsync("--interval", "50ms");
        await using GuestClient client = await bed.ConnectAsync();
        long first = view.PrimaryStatus!.Sync.Epochs;
        long start = Stopwatch.GetTimestamp();
        view = await bed.Fleet.WaitForVmAsync(
            GuestBed.Vm, $"{epochs} epochs", vm => vm.PrimaryStatus?.Sync.Epochs >= first + epochs, GuestBed.Patience);
        SyncStatus sync = view.PrimaryStatus!.Sync;
        TimeSpan each = Stopwatch.GetElapsedTime(start) / (sync.Epochs - first);
        GuestBed.Say($"{sync.Epochs - first} epochs, one every {each.TotalMilliseconds:0.0} ms; pause mean "
            + $"{sync.Pause.MeanMs:0.0} ms, p50 {sync.Pause.P50Ms:0.0}, p99 {sync.Pause.P99Ms:0.0}");
        Assert.InRange(each, TimeSpan.Zero, Interval * IntervalSlack);

        client.Mark();
        TimeSpan blackout = await bed.SwapAsync(bed.Guest);
        await client.WaitForLinesAsync(20, GuestBed.Patience);
        GuestBed.Say($"the client heard nothing for {client.GapSinceMark.TotalMilliseconds:0} ms");
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
        Assert.InRange(blackout, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1));
        await bed.ProtectedAsync();
        bed.End();
    }
}
