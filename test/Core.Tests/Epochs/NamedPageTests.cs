using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>Disk blocks that have the bytes of a page travel as that page.</summary>
public sealed class NamedPageTests
{
    private readonly PairRig _rig = new();
    private readonly Random _random = new(5);

    [Fact]
    public void A_block_with_the_bytes_of_a_page_travels_as_that_page()
    {
        _rig.Seed();
        Fill(7);
        // Cached pages lie on a disk where the filesystem's blocks do.
        _rig.Guest.ModelDisks.Write(0, 9 * 1024, [.. new byte[1024], .. _rig.Guest.Page(7), .. new byte[512]]);
        SyncStatus sent = Sent();
        Assert.Equal(Sizes.Page + 1536, sent.DiskRawBytes);
        Assert.InRange(sent.DiskWireBytes, 1, 1536 + 100);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_page_that_was_sent_in_an_earlier_epoch_is_named_too()
    {
        _rig.Seed();
        Fill(7);
        _rig.Sync();
        _rig.Guest.ModelDisks.Write(0, 4096, _rig.Guest.Page(7));
        Assert.InRange(Sent().DiskWireBytes, 1, 100);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_page_that_has_changed_since_is_not_named()
    {
        _rig.Seed();
        Fill(7);
        _rig.Guest.ModelDisks.Write(0, 4096, _rig.Guest.Page(7));
        _rig.Guest.WriteWord(7, 0, 1);
        Assert.InRange(Sent().DiskWireBytes, Sizes.Page, 2 * Sizes.Page);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_new_connection_names_no_page_that_was_sent_over_an_older_one()
    {
        _rig.Seed();
        Fill(7);
        _rig.Sync();
        _rig.Disconnect();
        _rig.Guest.ModelDisks.Write(0, 4096, _rig.Guest.Page(7));
        _rig.Connect();
        Assert.InRange(Sent().DiskWireBytes, Sizes.Page, 2 * Sizes.Page);
        _rig.AssertShadowIsACut();
    }

    [Fact]
    public void Whatever_pages_and_blocks_do_the_shadow_is_the_guest_at_a_cut()
    {
        _rig.Seed();
        for (int round = 0; round < 20; round++)
        {
            if (round % 5 == 4)
            {
                _rig.Disconnect();
                _rig.Connect();
            }

            for (long page = 0; page < 12; page++) Fill(page);
            _rig.Run(TimeSpan.FromMilliseconds(60), () =>
            {
                int page = _random.Next(12);
                if (_random.Next(40) == 0) Fill(page);
                else _rig.Guest.ModelDisks.Write(0, Place(), _rig.Guest.Page(page));
            });
            _rig.Sync();
            _rig.AssertShadowIsACut();
        }

        SyncStatus all = _rig.Source.Status(_rig.Now).Sync;
        Assert.InRange(all.DiskWireBytes, 1, all.DiskRawBytes * 2 / 3);
        Assert.DoesNotContain(_rig.SourceSaid.Reports, static report => report.Kind == "sync.rejected");
    }

    // Now and then across what was written before.
    private int Place() => (_random.Next(10) * Sizes.Page) + (_random.Next(8) == 0 ? 1024 : 0);

    private void Fill(long page)
    {
        for (int word = 0; word < Sizes.Page / 8; word++)
            _rig.Guest.WriteWord(page, word, (ulong)_random.NextInt64());
    }

    private SyncStatus Sent()
    {
        SyncStatus before = _rig.Source.Status(_rig.Now).Sync;
        _rig.Sync();
        SyncStatus after = _rig.Source.Status(_rig.Now).Sync;
        return new SyncStatus
        {
            DiskRawBytes = after.DiskRawBytes - before.DiskRawBytes,
            DiskWireBytes = after.DiskWireBytes - before.DiskWireBytes,
        };
    }
}
