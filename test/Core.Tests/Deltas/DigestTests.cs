using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

public sealed class DigestTests
{
    [Fact]
    public void The_order_of_pages_does_not_matter_to_the_ram_digest()
    {
        RamDigest ascending = default;
        RamDigest descending = default;
        for (int page = 0; page < 100; page++) ascending = ascending.Add(page, (ulong)page * 3);
        for (int page = 99; page >= 0; page--) descending = descending.Add(page, (ulong)page * 3);
        Assert.Equal(ascending, descending);
    }

    [Fact]
    public void Replacing_a_page_gives_the_digest_of_the_new_ram()
    {
        RamDigest before = RamDigest.OfUniform(1000, 42);
        RamDigest after = default(RamDigest).Add(500, 7);
        for (int page = 0; page < 1000; page++) if (page != 500) after = after.Add(page, 42);
        Assert.Equal(after, before.Replace(500, 42, 7));
        Assert.Equal(before, before.Replace(500, 42, 7).Replace(500, 7, 42));
    }

    [Fact]
    public void Two_pages_that_change_places_change_the_ram_digest() =>
        Assert.NotEqual(default(RamDigest).Add(1, 10).Add(2, 20), default(RamDigest).Add(1, 20).Add(2, 10));

    [Fact]
    public void Every_part_of_an_epoch_changes_its_digest()
    {
        ulong[] digests =
        [
            Digest([1, 2], 5, 6, 7, 8), Digest([2, 1], 5, 6, 7, 8), Digest([1], 5, 6, 7, 8),
            Digest([1, 2, 0], 5, 6, 7, 8),
            Digest([], 5, 6, 7, 8), Digest([0], 5, 6, 7, 8), Digest([1, 2], 0, 6, 7, 8), Digest([1, 2], 5, 0, 7, 8),
            Digest([1, 2], 5, 6, 0, 8), Digest([1, 2], 5, 6, 7, 0),
        ];
        Assert.Equal(digests.Length, digests.Distinct().Count());
        Assert.Equal(digests[0], Digest([1, 2], 5, 6, 7, 8));
    }

    [Fact]
    public void Both_digests_are_frozen()
    {
        Assert.Equal(0x081A5C1377856B73UL, RamDigest.Term(1, 2));
        Assert.Equal(0x8CC685D981DD1209UL, Digest([1, 2], 3, 4, 5, 6));
    }

    private static ulong Digest(ulong[] batches, ulong epoch, ulong ram, ulong deviceState, ulong configuration)
    {
        var digest = default(EpochDigest);
        foreach (ulong batch in batches) digest.AddBatch(batch);
        return digest.Finish(new EpochNumber(epoch), new RamDigest(ram), deviceState, configuration);
    }
}
