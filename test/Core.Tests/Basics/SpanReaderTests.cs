using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Core.Tests.Basics;

public sealed class SpanReaderTests
{
    [Fact]
    public void Fields_come_back_as_they_were_written()
    {
        byte[] bytes = new byte[256];
        var to = new SpanWriter(bytes);
        to.Byte(1);
        to.Flag(true);
        to.UInt16(0xFFFE);
        to.UInt32(0xFFFFFFFD);
        to.Int32(-4);
        to.UInt64(ulong.MaxValue - 5);
        to.Int64(long.MinValue);
        to.Name("höst", 10);
        to.Text("reason", 10);
        to.Bytes([1, 2, 3]);
        var from = new SpanReader(bytes.AsSpan(0, to.Written));
        Assert.Equal(1, from.Byte());
        Assert.True(from.Flag());
        Assert.Equal(0xFFFE, from.UInt16());
        Assert.Equal(0xFFFFFFFD, from.UInt32());
        Assert.Equal(-4, from.Int32());
        Assert.Equal(ulong.MaxValue - 5, from.UInt64());
        Assert.Equal(long.MinValue, from.Int64());
        Assert.Equal("höst", from.Text(10));
        Assert.Equal("reason", from.Text(10));
        Assert.Equal([1, 2, 3], from.Bytes(3).ToArray());
        Assert.True(from.IsComplete);
    }

    [Theory]
    [InlineData(0UL, 1)]
    [InlineData(127UL, 1)]
    [InlineData(128UL, 2)]
    [InlineData(16383UL, 2)]
    [InlineData(16384UL, 3)]
    [InlineData(ulong.MaxValue, 10)]
    public void A_varint_takes_seven_bits_a_byte(ulong value, int bytes)
    {
        byte[] buffer = new byte[SpanWriter.VarintBytesMax];
        var to = new SpanWriter(buffer);
        to.Varint(value);
        Assert.Equal(bytes, to.Written);
        Assert.Equal(value, new SpanReader(buffer).Varint());
    }

    [Theory]
    [InlineData("FFFFFFFFFFFFFFFFFF02")]
    [InlineData("FFFFFFFFFFFFFFFFFFFF01")]
    [InlineData("80")]
    [InlineData("")]
    public void A_varint_that_is_cut_off_or_too_long_is_malformed(string hex)
    {
        var from = new SpanReader(Convert.FromHexString(hex));
        Assert.Equal(0UL, from.Varint());
        Assert.True(from.Failed);
    }

    [Fact]
    public void After_a_failure_every_field_is_zero()
    {
        var from = new SpanReader([1, 2, 3, 4]);
        Assert.Equal(0UL, from.UInt64());
        Assert.Equal(0, from.Byte());
        Assert.True(from.Bytes(1).IsEmpty);
        Assert.True(from.Failed);
        Assert.Equal(0, from.Position);
    }

    [Theory]
    [InlineData("0300616263", 2)]
    [InlineData("0400616263", 8)]
    [InlineData("0200C328", 8)]
    public void Text_too_long_cut_off_or_no_utf8_is_malformed(string hex, int bytesMax)
    {
        var from = new SpanReader(Convert.FromHexString(hex));
        Assert.Equal("", from.Text(bytesMax));
        Assert.True(from.Failed);
    }

    [Fact]
    public void A_flag_is_zero_or_one()
    {
        var from = new SpanReader([2]);
        from.Flag();
        Assert.True(from.Failed);
    }

    [Fact]
    public void Text_for_people_is_cut_at_a_whole_character()
    {
        byte[] bytes = new byte[64];
        var to = new SpanWriter(bytes);
        to.Text("abcöö", 6);
        Assert.Equal("abcö", new SpanReader(bytes).Text(6));
    }
}
