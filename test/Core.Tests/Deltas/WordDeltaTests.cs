using System.Runtime.Intrinsics.X86;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

public sealed class WordDeltaTests
{
    [Fact]
    public void Machines_with_and_without_wide_instructions_make_the_same_difference()
    {
        if (!Avx512F.IsSupported) Assert.Skip("this CPU has no AVX-512");
        var random = new Random(1);
        byte[] wide = new byte[WordDelta.RoomBytes];
        byte[] narrow = new byte[WordDelta.RoomBytes];
        for (int words = 0; words <= 512; words++)
        {
            byte[] before = Noise(words);
            byte[] now = (byte[])before.Clone();
            for (int i = 0; i < words; i++) now[random.Next(Sizes.Page)] ^= 1;
            byte[] afterWide = (byte[])before.Clone();
            byte[] afterNarrow = (byte[])before.Clone();
            int bytes = WordDelta.Encode(now, afterWide, wide, wide: true);
            Assert.Equal(bytes, WordDelta.Encode(now, afterNarrow, narrow, wide: false));
            Assert.True(wide.AsSpan(0, bytes).SequenceEqual(narrow.AsSpan(0, bytes)));
            Assert.Equal(bytes == 0 ? before : now, afterWide);
            Assert.Equal(bytes == 0 ? before : now, afterNarrow);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_largest_difference_stays_within_its_room(bool wide)
    {
        if (wide && !Avx512F.IsSupported) Assert.Skip("this CPU has no AVX-512");
        byte[] room = new byte[WordDelta.RoomBytes];
        int largest = 0;
        for (int words = 400; words <= 512; words++)
        {
            byte[] before = Noise(1);
            byte[] now = (byte[])before.Clone();
            for (int word = 0; word < words; word++) now[word * sizeof(ulong)] ^= 1;
            largest = Math.Max(largest, WordDelta.Encode(now, before, room, wide));
        }

        Assert.InRange(largest, WordDelta.BytesMax - sizeof(ulong), WordDelta.BytesMax);
    }

    private static byte[] Noise(int seed)
    {
        byte[] page = new byte[Sizes.Page];
        new Random(seed).NextBytes(page);
        return page;
    }
}
