using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Core.Tests.Basics;

public sealed class PageSetTests
{
    [Fact]
    public void Adding_twice_counts_once()
    {
        var set = new PageSet(200);
        Assert.True(set.Add(63));
        Assert.False(set.Add(63));
        Assert.Equal(1, set.Count);
        Assert.True(set.Contains(63));
        Assert.False(set.Contains(64));
    }

    [Fact]
    public void Removing_what_is_not_there_changes_nothing()
    {
        var set = new PageSet(200);
        set.Add(64);
        Assert.False(set.Remove(65));
        Assert.True(set.Remove(64));
        Assert.True(set.IsEmpty);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(0, 64)]
    [InlineData(1, 63)]
    [InlineData(63, 2)]
    [InlineData(10, 150)]
    [InlineData(0, 200)]
    [InlineData(199, 1)]
    public void A_range_is_the_same_as_its_pages_one_by_one(long first, long count)
    {
        var range = new PageSet(200);
        range.Add(70);
        range.AddRange(first, count);
        var single = new PageSet(200);
        single.Add(70);
        for (long page = first; page < first + count; page++) single.Add(page);
        Assert.Equal(Members(single), Members(range));
        Assert.Equal(single.Count, range.Count);
    }

    [Fact]
    public void A_union_has_the_pages_of_both()
    {
        var left = new PageSet(130);
        var right = new PageSet(130);
        left.AddRange(0, 70);
        right.AddRange(60, 70);
        left.UnionWith(right);
        Assert.Equal(130, left.Count);
        Assert.Equal(70, right.Count);
    }

    [Fact]
    public void Clearing_leaves_nothing()
    {
        var set = new PageSet(130);
        set.AddRange(0, 130);
        set.Clear();
        Assert.True(set.IsEmpty);
        Assert.Equal(-1, set.NextFrom(0));
    }

    [Fact]
    public void The_next_page_is_found_across_words_and_not_beyond_the_end()
    {
        var set = new PageSet(1000);
        set.Add(0);
        set.Add(640);
        set.Add(999);
        Assert.Equal(0, set.NextFrom(0));
        Assert.Equal(640, set.NextFrom(1));
        Assert.Equal(640, set.NextFrom(640));
        Assert.Equal(999, set.NextFrom(641));
        Assert.Equal(-1, set.NextFrom(1000));
    }

    [Fact]
    public void Copying_in_pieces_gives_every_page_once_in_order()
    {
        var random = new Random(1);
        var set = new PageSet(5000);
        var model = new SortedSet<long>();
        for (int i = 0; i < 700; i++)
        {
            long page = random.Next(5000);
            Assert.Equal(model.Add(page), set.Add(page));
            page = random.Next(5000);
            Assert.Equal(model.Remove(page), set.Remove(page));
        }

        Assert.Equal(model, Members(set));
        Assert.Equal(model.Count, set.Count);
    }

    [Fact]
    public void An_empty_set_over_nothing_is_fine()
    {
        var set = new PageSet(0);
        Assert.Equal(-1, set.NextFrom(0));
        Assert.Equal(0, set.CopyTo(0, new long[4]));
    }

    private static List<long> Members(PageSet set)
    {
        var members = new List<long>();
        Span<long> piece = stackalloc long[7];
        long from = 0;
        for (int n = set.CopyTo(from, piece); n > 0; n = set.CopyTo(from, piece))
        {
            foreach (long page in piece[..n]) members.Add(page);
            from = members[^1] + 1;
        }

        return members;
    }
}
