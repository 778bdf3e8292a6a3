using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>Disk writes of an open epoch wait to be replaced, and what is bounded by that.</summary>
public sealed class DiskPatienceTests
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private readonly DiskPatience _patience = new();

    [Fact]
    public void A_block_that_is_written_again_and_again_travels_once_an_epoch()
    {
        PairRig rig = new();
        rig.Seed();
        int epochs = rig.SourceSaid.Epochs.Count;
        SyncStatus before = rig.Source.Status(rig.Now).Sync;
        byte fill = 0;
        rig.Run(TimeSpan.FromSeconds(1), () => rig.Guest.ModelDisks.Write(0, 4096, Filled(++fill)));
        rig.Run(TimeSpan.FromMilliseconds(200));
        SyncStatus after = rig.Source.Status(rig.Now).Sync;
        long sent = (after.DiskRawBytes - before.DiskRawBytes) / 512;
        Assert.InRange(sent, 5, rig.SourceSaid.Epochs.Count - epochs);
        Assert.Equal(1000 * 512, (sent * 512) + after.DiskReplacedBytes - before.DiskReplacedBytes);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_swap_pauses_the_guest_with_nothing_waiting()
    {
        PairRig rig = new(new ProtectionPolicy { Interval = TimeSpan.FromSeconds(10) });
        rig.Seed();
        rig.Guest.ModelDisks.Write(0, 4096, Filled(1));
        rig.Run(TimeSpan.FromMilliseconds(100));
        Assert.DoesNotContain(rig.ToShadow, m => m is BlockBatch);
        List<EpochNumber> paused = [];
        rig.Guest.Intercept = call =>
        {
            // Of the epoch that is cut now, the write was sent before.
            if (call == nameof(ISourceGuest.Pause)) paused.Add(rig.ToShadow.OfType<BlockBatch>().Last().Epoch);
            if (call == "Resumed") rig.Guest.ModelDisks.Write(0, 8192, Filled(2));
            return null;
        };
        rig.Source.RequestSwap("s1", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        EpochNumber last = rig.ToShadow.OfType<EpochEnd>().Last(m => m.Final).Epoch;
        Assert.Equal(2, paused.Distinct().Count());
        Assert.Equal(last, paused[^1]);
    }

    [Fact]
    public void Where_an_epoch_is_put_off_until_enough_was_sent_nothing_waits()
    {
        PairRig rig = new(new ProtectionPolicy { Interval = TimeSpan.FromSeconds(1), ThresholdLowBytes = Sizes.MiB });
        rig.Seed();
        rig.Guest.ModelDisks.Write(0, 4096, Filled(1));
        rig.Run(TimeSpan.FromMilliseconds(10));
        Assert.Contains(rig.ToShadow, m => m is BlockBatch);
    }

    [Fact]
    public void Beyond_what_may_wait_the_oldest_is_sent()
    {
        Assert.Equal(0, _patience.Surplus(_patience.BytesMax));
        Assert.Equal((_patience.BytesMax / 2) + 1, _patience.Surplus(_patience.BytesMax + 1));
    }

    [Fact]
    public void More_may_wait_once_what_was_allowed_is_used_and_is_through_soon()
    {
        _patience.Learn(SessionLimits.DiskWaitBytesStart / 4, s_interval / 100, s_interval);
        Assert.Equal(SessionLimits.DiskWaitBytesStart, _patience.BytesMax);
        _patience.Learn(SessionLimits.DiskWaitBytesStart / 2, s_interval / 8, s_interval);
        Assert.Equal(SessionLimits.DiskWaitBytesStart * 2, _patience.BytesMax);
        for (int i = 0; i < 20; i++) _patience.Learn(_patience.BytesMax, s_interval / 100, s_interval);
        Assert.Equal(SessionLimits.DiskWaitBytesMax, _patience.BytesMax);
    }

    [Fact]
    public void Less_may_wait_where_acknowledgements_take_a_good_part_of_the_interval()
    {
        _patience.Learn(_patience.BytesMax, s_interval / 4, s_interval);
        Assert.Equal(SessionLimits.DiskWaitBytesStart, _patience.BytesMax);
        _patience.Learn(0, (s_interval / 4) + TimeSpan.FromTicks(1), s_interval);
        Assert.Equal(SessionLimits.DiskWaitBytesStart / 2, _patience.BytesMax);
        for (int i = 0; i < 20; i++) _patience.Learn(_patience.BytesMax, s_interval, s_interval);
        Assert.Equal(SessionLimits.DiskWaitBytesMin, _patience.BytesMax);
        _patience.Reset();
        Assert.Equal(SessionLimits.DiskWaitBytesStart, _patience.BytesMax);
    }

    private static byte[] Filled(byte with) => [.. Enumerable.Repeat(with, 512)];
}
