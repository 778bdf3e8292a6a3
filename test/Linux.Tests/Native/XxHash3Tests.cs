using System.Text;
using Umbra.Linux.Native;

namespace Umbra.Linux.Tests.Native;

public sealed class XxHash3Tests
{
    private readonly XxHash3 _hash = new();

    [Fact]
    public void It_is_XXH3_64_as_published()
    {
        // Of the empty input with seed 0: the first value of the reference implementation's sanity table.
        Assert.Equal(0x2D06800538D394C2UL, _hash.Hash([]));
    }

    [Fact]
    public void Seed_and_every_byte_count()
    {
        byte[] page = new byte[4096];
        ulong zero = _hash.Hash(page);
        Assert.Equal(zero, _hash.Hash(page));
        Assert.NotEqual(zero, _hash.Hash(page, 1));
        HashSet<ulong> seen = [zero];
        for (int i = 0; i < page.Length; i++)
        {
            page[i] = 1;
            Assert.True(seen.Add(_hash.Hash(page)));
            page[i] = 0;
        }

        Assert.NotEqual(_hash.Hash(Encoding.ASCII.GetBytes("ab")), _hash.Hash(Encoding.ASCII.GetBytes("ba")));
    }
}
