using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>A first copy that is cut off goes on where it was, by hashes.</summary>
public sealed class CutSeedTests
{
    // A batch of pages that no encoding makes smaller.
    private const int PagesPerBatch = 256 * Sizes.KiB / Sizes.Page;
    private const int DiskBlocks = 3;

    [Theory]
    [InlineData(0.25)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void A_seed_cut_off_sends_only_what_was_not_there(double part)
    {
        PairRig rig = new();
        Fill(rig);
        int pageBatches = 0, blocksThere = 0;
        rig.Loses = message =>
        {
            if (message is PageBatch && pageBatches++ >= part * PairRig.Pages / PagesPerBatch) return true;
            if (message is BlockBatch && pageBatches == 0) blocksThere++;
            return false;
        };
        rig.Connect();
        rig.Run(TimeSpan.FromMilliseconds(20));
        Assert.Empty(rig.SourceSaid.Epochs);
        rig.Disconnect();
        rig.Loses = static _ => false;
        long blocks = rig.Source.Status(rig.Now).Sync.ResyncBlocks;
        rig.ToShadow.Clear();
        rig.Connect();
        rig.RunUntil(() => rig.SourceSaid.Epochs.Count > 0);

        // No more than what is left and the batch that was lost under way; of the disks, the blocks that came later.
        long again = rig.SourceSaid.Epochs[0].Pages;
        Assert.InRange(again, 1, (long)((1 - part) * PairRig.Pages) + PagesPerBatch);
        Assert.InRange(rig.Source.Status(rig.Now).Sync.ResyncBlocks - blocks, 0, DiskBlocks - blocksThere);
        Assert.Contains(rig.ToShadow, static message => message is HashRequest);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_shadow_that_lives_and_gives_no_hashes_loses_the_link()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Disconnect();
        rig.NewSource();
        rig.Alters = static message => message is HashRequest ? [] : [message];
        rig.Connect();
        rig.Run(SessionLimits.HashesMax - TimeSpan.FromMilliseconds(100));
        Assert.Empty(rig.SourceSaid.Closed);
        rig.Run(TimeSpan.FromMilliseconds(200));
        Assert.Equal("no hashes for 30 s", Assert.Single(rig.SourceSaid.Closed));
    }

    private static void Fill(PairRig rig)
    {
        var random = new Random(7);
        byte[] noise = new byte[Sizes.Page];
        for (long page = 0; page < PairRig.Pages; page++)
        {
            for (int word = 0; word < Sizes.Page / 8; word++)
                rig.Guest.WriteWord(page, word, (ulong)random.NextInt64());
        }

        for (int at = 0; at < DiskBlocks * Sizes.Block; at += noise.Length)
        {
            random.NextBytes(noise);
            rig.Guest.ModelDisks.Write(0, at, noise);
        }
    }
}
