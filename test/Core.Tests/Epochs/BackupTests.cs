using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Testing.Replication;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>A pair whose disks are followed by backups: an epoch's blocks come after its pause.</summary>
public class BackupTests
{
    private const int LogBytes = 120_000;
    private readonly PairRig _rig = new(
        new ProtectionPolicy { Interval = TimeSpan.FromMilliseconds(100), DiskMode = DiskMode.Backup }, LogBytes)
    {
        // As a disk that is faster than the link.
        CopyBytes = 4 * Sizes.Block,
    };

    private byte _value;

    private ModelSourceDisks Guest => _rig.Guest.ModelDisks;

    public BackupTests()
    {
        _rig.FillDisk(3 * Sizes.Block, 200);
        _rig.Seed();
        _rig.Run(TimeSpan.FromMilliseconds(150));
        _rig.ToShadow.Clear();
    }

    [Fact]
    public void Every_epoch_is_its_cut_though_the_guest_writes_while_its_blocks_are_copied()
    {
        for (int turn = 0; turn < 5; turn++)
        {
            _rig.FillDisk(12 * Sizes.Page, _value++);
            int epochs = _rig.SourceSaid.Epochs.Count;
            _rig.Run(TimeSpan.FromMilliseconds(250), WriteSome);
            Assert.True(_rig.SourceSaid.Epochs.Count > epochs, "an epoch got through");
            _rig.AssertShadowIsACut();
        }

        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
    }

    [Fact]
    public void A_block_that_is_written_to_often_is_sent_once_an_epoch()
    {
        for (byte value = 0; value < 50; value++) _rig.FillDisk(Sizes.Page, value);
        _rig.Sync();
        Assert.InRange(_rig.SentBlockBytes, Sizes.Page, Sizes.Page + 200);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void An_epoch_ends_when_its_blocks_are_copied_and_not_before()
    {
        _rig.FillDisk(20 * Sizes.Page, 1);
        int epochs = Ends;
        Guest.IsCopyHeld = true;
        _rig.Run(TimeSpan.FromMilliseconds(400));
        Assert.True(_rig.Guest.Running);
        Assert.Equal(epochs, Ends);
        Guest.IsCopyHeld = false;
        _rig.RunUntil(() => Ends > epochs);
        _rig.Run(TimeSpan.FromMilliseconds(50));
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void What_the_log_cannot_hold_is_read_again_and_no_hash_is_asked_for()
    {
        _rig.FillDisk(3 * Sizes.Block, 7);
        _rig.Run(TimeSpan.FromMilliseconds(130), WriteSome);
        _rig.Sync();
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        Assert.Contains(_rig.SourceSaid.Reports, r => r.Text.Contains("read again", StringComparison.Ordinal));
        _rig.AssertShadowIsACut();
        _rig.Sync();
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_guest_that_writes_more_in_every_epoch_than_the_log_holds_gets_epochs_through_all_the_same()
    {
        int epochs = _rig.SourceSaid.Epochs.Count;
        int turn = 0;
        _rig.Run(TimeSpan.FromSeconds(3), () =>
        {
            if (turn++ % 20 == 0) _rig.FillDisk(3 * Sizes.Block, (byte)turn);
        });
        Assert.True(_rig.SourceSaid.Epochs.Count > epochs + 5, $"{_rig.SourceSaid.Epochs.Count - epochs} epochs");
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void What_is_written_during_a_full_copy_may_be_more_than_the_log_holds()
    {
        PairRig rig = new(_rig.Policy, LogBytes) { CopyBytes = 4 * Sizes.Block };
        ModelSourceDisks disks = rig.Guest.ModelDisks;
        rig.Connect();
        disks.IsCopyHeld = true;
        rig.Run(TimeSpan.FromMilliseconds(50));
        Assert.Equal(DiskMirrorState.Copying, disks.State);
        byte[] data = new byte[Sizes.Page];
        for (int at = 0; at < 3 * Sizes.Block; at += data.Length)
        {
            new Random(at).NextBytes(data);
            disks.Write(0, at, data);
            rig.Run(TimeSpan.FromMilliseconds(1));
        }

        disks.IsCopyHeld = false;
        rig.RunUntil(() => rig.SourceSaid.Epochs.Count > 0);
        Assert.Single(rig.SourceSaid.Reports, static said => said.Kind == "sync.resync");
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void While_the_link_is_down_nothing_is_logged_and_afterwards_what_was_written_is_sent()
    {
        long end = Guest.End;
        _rig.Disconnect();
        for (byte turn = 0; turn < 5; turn++) _rig.FillDisk(LogBytes, turn);
        Assert.Equal(end, Guest.End);
        _rig.FillDisk(20 * Sizes.Page, 9);
        _rig.Connect();
        _rig.Sync();
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest { Disk: >= 0 });
        _rig.AssertShadowIsACut();
    }

    [Theory]
    [InlineData(typeof(BlockBatch))]
    [InlineData(typeof(EpochEnd))]
    public void A_link_that_breaks_in_an_epoch_has_it_sent_again(Type lost)
    {
        _rig.FillDisk(20 * Sizes.Page, 7);
        bool isLost = false;
        _rig.Loses = message => isLost |= message.GetType() == lost;
        _rig.Run(TimeSpan.FromMilliseconds(200));
        Assert.True(isLost);
        _rig.Loses = _ => false;
        _rig.Disconnect();
        _rig.ToShadow.Clear();
        WriteSome();
        _rig.Connect();
        _rig.Sync();
        Assert.DoesNotContain(_rig.ToShadow, m => m is HashRequest);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_backup_that_fails_before_an_epoch_is_whole_has_the_disks_compared_by_hashes()
    {
        _rig.FillDisk(20 * Sizes.Page, 7);
        Guest.IsCopyHeld = true;
        _rig.RunUntil(() => Guest.IsCopyingCut);
        Guest.Break();
        Guest.IsCopyHeld = false;
        _rig.Sync();
        Assert.Contains(_rig.ToShadow, m => m is HashRequest { Disk: 0 });
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_swap_waits_for_the_last_epochs_blocks()
    {
        _rig.Source.RequestSwap("swap", rehearsal: false, _rig.Now);
        _rig.RunUntil(() =>
        {
            if (_rig.Guest.Running) WriteSome();
            return !_rig.Guest.Running && Guest.IsCopyingCut;
        });
        Guest.IsCopyHeld = true;
        _rig.Run(TimeSpan.FromMilliseconds(200));
        Assert.Empty(_rig.ShadowSaid.Claims);
        Guest.IsCopyHeld = false;
        _rig.RunUntil(() => _rig.ShadowSaid.Claims.Count > 0);
        _rig.AssertShadowIsACut();
        Assert.True(_rig.Media.Disks["disk0"].Content.AsSpan().SequenceEqual(_rig.Disks["disk0"].Content));
    }

    private int Ends => _rig.ToShadow.Count(static m => m is EpochEnd);

    private void WriteSome() => _rig.ScatterDisks(_value++);
}
