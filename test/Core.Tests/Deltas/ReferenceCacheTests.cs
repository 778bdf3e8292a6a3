using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

public sealed class ReferenceCacheTests
{
    [Fact]
    public void A_stored_page_is_found_as_it_was_last_stored()
    {
        var cache = new ReferenceCache(100, 10 * Sizes.Page);
        cache.Store(7, Filled(1));
        cache.Store(7, Filled(2));
        Assert.True(cache.Find(7).SequenceEqual(Filled(2)));
        Assert.True(cache.Find(8).IsEmpty);
        Assert.Equal((1, 1, 1), (cache.Hits, cache.Misses, cache.Count));
    }

    [Fact]
    public void It_never_holds_more_than_its_limit()
    {
        var cache = new ReferenceCache(1000, 10 * Sizes.Page);
        for (int page = 0; page < 1000; page++) cache.Store(page, Filled((byte)page));
        Assert.Equal(10, cache.Count);
        Assert.Equal(10, Enumerable.Range(0, 1000).Count(page => !cache.Find(page).IsEmpty));
    }

    [Fact]
    public void Pages_that_are_found_again_outlive_pages_that_are_not()
    {
        var cache = new ReferenceCache(10_000, 16 * Sizes.Page);
        for (int page = 0; page < 1000; page++)
        {
            cache.Store(5, Filled(5));
            Assert.False(cache.Find(5).IsEmpty, $"round {page}");
            cache.Store(100 + page, Filled((byte)page));
        }
    }

    [Fact]
    public void After_a_clear_nothing_is_found_and_it_fills_again()
    {
        var cache = new ReferenceCache(100, 4 * Sizes.Page);
        for (int page = 0; page < 50; page++) cache.Store(page, Filled(1));
        cache.Clear();
        for (int page = 0; page < 100; page++) Assert.True(cache.Find(page).IsEmpty);
        for (int page = 0; page < 4; page++) cache.Store(page, Filled((byte)page));
        for (int page = 0; page < 4; page++) Assert.True(cache.Find(page).SequenceEqual(Filled((byte)page)));
    }

    [Fact]
    public void A_cache_without_room_finds_nothing()
    {
        var cache = new ReferenceCache(100, Sizes.Page - 1);
        cache.Store(1, Filled(1));
        Assert.True(cache.Find(1).IsEmpty);
    }

    [Fact]
    public void It_answers_as_a_plain_dictionary_would_or_not_at_all()
    {
        var random = new Random(1);
        var cache = new ReferenceCache(64, 20 * Sizes.Page);
        var model = new Dictionary<long, byte>();
        for (int i = 0; i < 20_000; i++)
        {
            long page = random.Next(64);
            byte fill = (byte)random.Next(256);
            ReadOnlySpan<byte> found = cache.Find(page);
            if (!found.IsEmpty) Assert.Equal(model[page], found[random.Next(Sizes.Page)]);
            if (random.Next(3) == 0) continue;
            cache.Store(page, Filled(fill));
            model[page] = fill;
            if (random.Next(1000) == 0) cache.Clear();
        }
    }

    [Fact]
    public void In_the_steady_state_it_allocates_nothing()
    {
        var cache = new ReferenceCache(1000, 100 * Sizes.Page);
        byte[] content = Filled(1);
        for (int page = 0; page < 200; page++) cache.Store(page, content);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int page = 0; page < 1000; page++) cache.Store(page, content);
        cache.Clear();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Filled(byte value)
    {
        byte[] page = new byte[Sizes.Page];
        page.AsSpan().Fill(value);
        return page;
    }
}
