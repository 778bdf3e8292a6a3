using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Testing.Replication;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>A log of disk writes that was over its limit, and how its pair goes on.</summary>
public class CatchUpTests
{
    private const int LogBytes = 120_000;
    private readonly PairRig _rig = new(diskLogBytes: LogBytes);

    private ModelSourceDisks Guest => _rig.Guest.ModelDisks;

    public CatchUpTests()
    {
        _rig.FillDisk(3 * Sizes.Block, 1);
        _rig.Seed();
        _rig.Run(TimeSpan.FromMilliseconds(20));
        _rig.ToShadow.Clear();
    }

    [Fact]
    public void Only_what_was_written_is_read_and_sent_and_no_hash_is_asked_for()
    {
        _rig.FillDisk(LogBytes, 7);
        Assert.Equal(DiskMirrorState.Owing, Guest.State);
        _rig.Sync();
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        Assert.InRange(_rig.SentBlockBytes, LogBytes, LogBytes + (2 * Sizes.Page));
        Assert.Contains(_rig.SourceSaid.Reports, r => r.Text.Contains("read again", StringComparison.Ordinal));
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void What_is_written_while_the_link_is_down_is_read_once_it_is_back()
    {
        _rig.Disconnect();
        for (int turn = 0; turn < 5; turn++) _rig.FillDisk(LogBytes, (byte)turn);
        _rig.Connect();
        _rig.Sync();
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        Assert.InRange(_rig.SentBlockBytes, LogBytes, LogBytes + (2 * Sizes.Page));
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_guest_that_writes_meanwhile_over_what_is_read_is_caught_up_with()
    {
        _rig.FillDisk(3 * Sizes.Block, 7);
        byte value = 0;
        _rig.Guest.Intercept = call =>
        {
            if (call is "Disks.ReadOwed" or "Disks.OwedRead" && value < 20) _rig.ScatterDisks(value++);
            return null;
        };
        _rig.Sync();
        Assert.Equal(20, value);
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        _rig.AssertShadowIsACut();
        _rig.Sync();
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void More_than_the_log_holds_while_it_catches_up_is_owed_again()
    {
        _rig.FillDisk(LogBytes, 7);
        int turns = 0;
        _rig.Guest.Intercept = call =>
        {
            if (call == "Disks.OwedRead" && turns++ < 3) _rig.FillDisk(2 * Sizes.Block, (byte)turns);
            return null;
        };
        _rig.Sync();
        Assert.True(turns > 3);
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        _rig.AssertShadowIsACut();
    }

    [Theory]
    [InlineData(typeof(BlockBatch))]
    [InlineData(typeof(EpochEnd))]
    public void What_was_sent_before_the_link_broke_is_owed_again(Type lost)
    {
        _rig.FillDisk(3 * Sizes.Block, 7);
        bool isLost = false;
        _rig.Loses = message => isLost |= message.GetType() == lost;
        _rig.Run(TimeSpan.FromMilliseconds(150));
        Assert.True(isLost && Guest.OwedBytes == 0);
        _rig.Loses = _ => false;
        _rig.Disconnect();
        _rig.ToShadow.Clear();
        _rig.Connect();
        _rig.Sync();
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        Assert.True(_rig.SentBlockBytes >= 3 * Sizes.Block, $"{_rig.SentBlockBytes} bytes");
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void An_epoch_that_was_committed_though_its_acknowledgement_was_lost_owes_nothing()
    {
        _rig.FillDisk(LogBytes, 7);
        _rig.Loses = message => message is EpochAck;
        _rig.Run(TimeSpan.FromMilliseconds(300));
        _rig.Loses = _ => false;
        _rig.Disconnect();
        _rig.ToShadow.Clear();
        _rig.Connect();
        _rig.Sync();
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest or BlockBatch);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_disk_that_cannot_be_read_is_compared_by_hashes()
    {
        _rig.FillDisk(LogBytes, 7);
        _rig.Guest.Intercept = call => call == "Disks.ReadOwed" ? CallOutcome.Failed("no such block") : null;
        _rig.Sync();
        Assert.Contains(_rig.ToShadow, m => m is HashRequest { Disk: 0 });
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void Over_its_limit_in_a_full_copy_the_disks_are_compared_by_hashes_once_more()
    {
        Guest.Break();
        _rig.RunUntil(() => Guest.State == DiskMirrorState.Copying);
        Guest.Write(0, 0, new byte[2 * Sizes.Block]);
        Assert.Equal(DiskMirrorState.Broken, Guest.State);
        _rig.Sync();
        Assert.Contains(_rig.ToShadow, m => m is HashRequest { Disk: 0 });
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_shadow_that_is_another_one_gets_everything_whatever_is_owed()
    {
        _rig.FillDisk(LogBytes, 7);
        _rig.Disconnect();
        _rig.Media = new ModelMedia();
        _rig.NewShadow();
        _rig.Connect();
        _rig.Sync();
        _rig.AssertShadowIsACut();
    }
}
