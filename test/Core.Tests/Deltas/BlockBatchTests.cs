using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Testing;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

public sealed class BlockBatchTests
{
    private const int DiskBytes = 4 * 1024 * 1024;
    private static readonly BatchCodecs s_codecs = new(new RunLengthCompressor(), null);
    private readonly BlockBatchEncoder _encoder = new(TestContentHash.Instance, s_codecs, BatchCompression.None);
    private readonly BlockBatchDecoder _decoder = new(TestContentHash.Instance, s_codecs);
    private readonly DiskModel _disks = new(DiskBytes, 1024);

    [Fact]
    public void Operations_are_applied_in_the_order_in_which_they_were_made()
    {
        Write(0, 4096, Noise(1, 1024));
        Write(0, 4608, Noise(2, 512));
        Write(1, 512, Noise(3, 512));
        Zero(0, 4096, 512);
        Assert.Equal(4, Deliver().Entries);
        Assert.Equal(-1, _disks[0].Slice(4096, 512).IndexOfAnyExcept((byte)0));
        Assert.True(_disks[0].Slice(4608, 512).SequenceEqual(Noise(2, 512)));
        Assert.True(_disks[1][512..].SequenceEqual(Noise(3, 512)));
    }

    [Fact]
    public void A_write_larger_than_a_batch_goes_over_several()
    {
        byte[] data = Noise(4, 1024 * 1024);
        var operation = new DiskOperation(DiskOperationKind.Write, 0, 8192, data.Length);
        int batches = 1;
        for (long done = 0; (done += _encoder.Add(operation, data, done)) < data.Length; batches++) Deliver();
        Deliver();
        Assert.Equal(5, batches);
        Assert.True(_disks[0].Slice(8192, data.Length).SequenceEqual(data));
    }

    [Fact]
    public void A_zeroed_range_costs_a_few_bytes_however_long()
    {
        Zero(0, 0, DiskBytes);
        Assert.InRange(Deliver().BodyBytes, 3, 8);
    }

    [Fact]
    public void A_batch_never_holds_more_operations_than_its_limit()
    {
        var operation = new DiskOperation(DiskOperationKind.Zero, 0, 0, 512);
        for (int i = 0; i < BatchLimits.OperationsMax; i++) Assert.Equal(512, _encoder.Add(operation, default, 0));
        Assert.Equal(0, _encoder.Add(operation, default, 0));
        Assert.Equal(BatchLimits.OperationsMax, Deliver().Entries);
    }

    [Theory]
    [InlineData(1, 1024, 512)]
    [InlineData(1, 512, 1024)]
    [InlineData(2, 0, 512)]
    [InlineData(0, DiskBytes - 512, 1024)]
    public void An_operation_outside_the_disks_is_refused_with_its_whole_batch(int disk, long offset, long length)
    {
        Write(0, 0, Noise(5, 512));
        Zero(disk, offset, length);
        byte[] batch = _encoder.Finish(out _).ToArray();
        Assert.False(_decoder.Decode(batch, _disks.Geometry, _disks.PageCount, _disks).IsOk);
        Assert.Equal(0, _disks.Operations);
    }

    [Fact]
    public void Any_damaged_byte_is_found()
    {
        Write(0, 4096, Noise(6, 512));
        Zero(1, 0, 512);
        byte[] batch = _encoder.Finish(out _).ToArray();
        for (int at = 0; at < batch.Length; at++)
        {
            batch[at] ^= 0x40;
            Assert.False(_decoder.Decode(batch, _disks.Geometry, _disks.PageCount, _disks).IsOk, $"byte {at}");
            batch[at] ^= 0x40;
            Assert.False(
                _decoder.Decode(batch.AsSpan(0, at), _disks.Geometry, _disks.PageCount, _disks).IsOk, $"cut at {at}");
        }

        Assert.Equal(0, _disks.Operations);
        Assert.True(_decoder.Decode(batch, _disks.Geometry, _disks.PageCount, _disks).IsOk);
    }

    [Fact]
    public void A_page_batch_is_no_block_batch()
    {
        var pages = new PageBatchEncoder(TestContentHash.Instance, s_codecs, BatchCompression.None);
        pages.TryAdd(0, new byte[4096], 0, default);
        Assert.False(_decoder.Decode(pages.Finish(out _).Span, _disks.Geometry, _disks.PageCount, _disks).IsOk);
    }

    [Fact]
    public void A_compressed_batch_comes_out_as_it_went_in()
    {
        var encoder = new BlockBatchEncoder(TestContentHash.Instance, s_codecs, BatchCompression.Lz4);
        byte[] data = new byte[65536];
        data.AsSpan().Fill(9);
        encoder.Add(new DiskOperation(DiskOperationKind.Write, 0, 512, data.Length), data, 0);
        byte[] batch = encoder.Finish(out BatchStatistics statistics).ToArray();
        Assert.InRange(statistics.WireBytes, 1, 1024);
        BatchOutcome outcome = _decoder.Decode(batch, _disks.Geometry, _disks.PageCount, _disks);
        Assert.Equal(statistics.Checksum, outcome.Checksum);
        Assert.True(_disks[0].Slice(512, data.Length).SequenceEqual(data));
    }

    [Fact]
    public void A_block_that_names_a_page_comes_out_as_that_page()
    {
        byte[] page = Noise(7, Sizes.Page);
        _disks.Pages = [new byte[Sizes.Page], page];
        Write(0, 0, Noise(8, 512));
        AddPage(0, 4608, 1, page);
        AddPage(0, 12800, 0, _disks.Pages[0]);
        Write(0, 4608, Noise(9, 512));
        BatchStatistics statistics = Deliver();
        Assert.Equal((2 * 512) + (2 * Sizes.Page), statistics.RawBytes);
        Assert.InRange(statistics.BodyBytes, 2 * 512, (2 * 512) + 20);
        Assert.True(_disks[0].Slice(4608, 512).SequenceEqual(Noise(9, 512)));
        Assert.True(_disks[0].Slice(5120, Sizes.Page - 512).SequenceEqual(page.AsSpan(512)));
    }

    [Fact]
    public void A_batch_that_names_a_page_with_other_bytes_is_refused_whole()
    {
        byte[] page = Noise(7, Sizes.Page);
        _disks.Pages = [[.. page]];
        Write(0, 0, Noise(8, 512));
        AddPage(0, 4096, 0, page);
        byte[] batch = _encoder.Finish(out _).ToArray();
        _disks.Pages[0][17] ^= 1;
        Assert.False(_decoder.Decode(batch, _disks.Geometry, _disks.PageCount, _disks).IsOk);
        Assert.Equal(0, _disks.Operations);
        _disks.Pages[0][17] ^= 1;
        Assert.True(_decoder.Decode(batch, _disks.Geometry, _disks.PageCount, _disks).IsOk);
    }

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(0, 0, (1L << 32) - 1)]
    [InlineData(0, DiskBytes - 512, 0)]
    [InlineData(1, 0, 0)]
    public void A_page_outside_the_guest_or_the_disk_is_refused_with_its_whole_batch(int disk, long offset, long page)
    {
        _disks.Pages = [new byte[Sizes.Page]];
        Write(0, 0, Noise(5, 512));
        AddPage(disk, offset, page, _disks.Pages[0]);
        byte[] batch = _encoder.Finish(out _).ToArray();
        Assert.False(_decoder.Decode(batch, _disks.Geometry, _disks.PageCount, _disks).IsOk);
        Assert.Equal(0, _disks.Operations);
    }

    [Fact]
    public void A_full_batch_takes_no_page()
    {
        for (int i = 0; i < BatchLimits.OperationsMax; i++) Assert.True(_encoder.TryAddPage(0, 0, 0, 1));
        Assert.True(_encoder.NamesPages);
        Assert.False(_encoder.TryAddPage(0, 0, 0, 1));
        _encoder.Finish(out _);
        Assert.False(_encoder.NamesPages);
    }

    [Fact]
    public void The_format_is_frozen()
    {
        byte[] data = new byte[512];
        data.AsSpan().Fill(0xEE);
        Write(1, 512, data);
        Zero(0, 0, 1L << 20);
        AddPage(0, 1L << 20, 2, data);
        AddPage(0, 0, 1, data);
        byte[] batch = _encoder.Finish(out _).ToArray();
        Assert.Equal(
            "42030000040000000E02000002FD8107ADC30833F6A61F01C06A4C87",
            Convert.ToHexString(batch.AsSpan(0, BatchLimits.HeaderBytes)));
        Assert.Equal(
            "04" + "02" + "01" + Convert.ToHexString(data) + "01" + "03" + "8010" + "02" + "00" + "04"
                + "02" + "8F20" + "03",
            Convert.ToHexString(batch.AsSpan(BatchLimits.HeaderBytes)));
    }

    private static byte[] Noise(int seed, int bytes)
    {
        byte[] noise = new byte[bytes];
        new Random(seed).NextBytes(noise);
        return noise;
    }

    private void Write(int disk, long offset, byte[] data) => Assert.Equal(
        data.Length, _encoder.Add(new DiskOperation(DiskOperationKind.Write, disk, offset, data.Length), data, 0));

    private void AddPage(int disk, long offset, long page, byte[] content) =>
        Assert.True(_encoder.TryAddPage(disk, offset, page, TestContentHash.Instance.Hash(content)));

    private void Zero(int disk, long offset, long length) => Assert.Equal(
        length, _encoder.Add(new DiskOperation(DiskOperationKind.Zero, disk, offset, length), default, 0));

    private BatchStatistics Deliver()
    {
        ReadOnlyMemory<byte> batch = _encoder.Finish(out BatchStatistics statistics);
        BatchOutcome outcome = _decoder.Decode(batch.Span, _disks.Geometry, _disks.PageCount, _disks);
        Assert.Equal("", outcome.Error);
        Assert.Equal(statistics.Entries, outcome.Entries);
        return statistics;
    }
}
