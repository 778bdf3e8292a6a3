using System.Buffers.Binary;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Testing;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

public sealed class PageBatchTests
{
    private const int PageCount = 4096;
    private static readonly BatchCodecs s_codecs = new(new RunLengthCompressor(), new RunLengthCompressor());
    private readonly PageBatchEncoder _encoder = new(TestContentHash.Instance, BatchCodecs.None, BatchCompression.None);
    private readonly PageBatchDecoder _decoder = new(TestContentHash.Instance, s_codecs);
    private readonly PageModel _shadow = new(PageCount);

    [Fact]
    public void Every_kind_of_page_comes_out_as_it_went_in()
    {
        byte[] noise = Noise(1);
        byte[] changed = (byte[])noise.Clone();
        changed[100] ^= 1;
        changed[4095] ^= 1;
        noise.CopyTo(_shadow[20]);
        Add(3, new byte[Sizes.Page]);
        Add(10, noise);
        Add(11, noise);
        Add(20, changed, noise);
        BatchStatistics statistics = Deliver();
        Assert.Equal((1, 1), (statistics.ZeroPages, statistics.RawPages));
        Assert.Equal((1, 1), (statistics.DuplicatePages, statistics.DeltaPages));
        Assert.Equal([3L, 10, 11, 20], _shadow.Taken);
        Assert.Equal(-1, _shadow[3].IndexOfAnyExcept((byte)0));
        Assert.True(_shadow[10].SequenceEqual(noise));
        Assert.True(_shadow[11].SequenceEqual(noise));
        Assert.True(_shadow[20].SequenceEqual(changed));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(200)]
    [InlineData(512)]
    public void Any_number_of_changed_words_comes_out_as_it_went_in(int changedWords)
    {
        var random = new Random(changedWords);
        byte[] before = Noise(2);
        byte[] now = (byte[])before.Clone();
        for (int i = 0; i < changedWords; i++)
            now[(random.Next(512) * 8) + random.Next(8)] ^= (byte)random.Next(1, 256);
        before.CopyTo(_shadow[5]);
        Add(5, now, before);
        Deliver();
        Assert.True(_shadow[5].SequenceEqual(now));
    }

    [Fact]
    public void A_delta_costs_only_its_changed_words()
    {
        byte[] before = Noise(3);
        byte[] now = (byte[])before.Clone();
        now[0] ^= 1;
        Add(0, now, before);
        BatchStatistics statistics = Finish(out _);
        Assert.Equal(1 + 8 + 1 + 8, statistics.BodyBytes);
    }

    [Fact]
    public void Consecutive_zero_pages_cost_a_byte_each()
    {
        for (int page = 100; page < 1100; page++) Add(page, new byte[Sizes.Page]);
        Assert.InRange(Finish(out _).BodyBytes, 1000, 1004);
    }

    [Fact]
    public void A_page_that_changed_everywhere_is_sent_whole()
    {
        Add(0, Noise(4), Noise(5));
        BatchStatistics statistics = Deliver();
        Assert.Equal((1, 0), (statistics.RawPages, statistics.DeltaPages));
    }

    [Fact]
    public void Pages_with_equal_hashes_but_other_content_are_no_duplicates()
    {
        Assert.True(_encoder.TryAdd(0, Noise(6), 99, default));
        Assert.True(_encoder.TryAdd(1, Noise(7), 99, default));
        _encoder.Finish(out BatchStatistics statistics);
        Assert.Equal((2, 0), (statistics.RawPages, statistics.DuplicatePages));
    }

    [Fact]
    public void A_full_batch_takes_no_page_until_it_is_finished()
    {
        int page = 0;
        while (_encoder.TryAdd(page, Noise(page), Hash(Noise(page)), default)) page++;
        Assert.Equal(BatchLimits.BodyBytesMax / Sizes.Page - 1, page);
        Deliver();
        Assert.True(_encoder.TryAdd(page, Noise(page), Hash(Noise(page)), default));
        Deliver();
        for (int i = 0; i <= page; i++) Assert.True(_shadow[i].SequenceEqual(Noise(i)));
    }

    [Fact]
    public void A_batch_never_holds_more_pages_than_a_decoder_has_room_for()
    {
        for (int page = 0; page < BatchLimits.PagesMax; page++) Add(page, new byte[Sizes.Page]);
        Assert.False(_encoder.TryAdd(BatchLimits.PagesMax, new byte[Sizes.Page], 0, default));
        Assert.Equal(BatchLimits.PagesMax, Deliver().Entries);
    }

    [Fact]
    public void A_page_out_of_order_goes_into_the_next_batch()
    {
        Add(7, Noise(1));
        Assert.False(_encoder.TryAdd(7, Noise(2), Hash(Noise(2)), default));
        Assert.False(_encoder.TryAdd(6, Noise(2), Hash(Noise(2)), default));
        Deliver();
        Assert.True(_encoder.TryAdd(6, Noise(2), Hash(Noise(2)), default));
    }

    [Fact]
    public void A_wrong_reference_is_found_and_no_page_reaches_the_sink()
    {
        byte[] before = Noise(8);
        byte[] now = (byte[])before.Clone();
        now[8] ^= 1;
        Add(1, Noise(9));
        Add(2, now, before);
        Finish(out byte[] batch);
        _shadow[2][4000] = 1;
        BatchOutcome outcome = _decoder.Decode(batch, PageCount, _shadow);
        Assert.False(outcome.IsOk);
        Assert.Contains("references", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_shadow.Taken);
    }

    [Fact]
    public void A_wrong_hash_from_the_sender_is_found()
    {
        _encoder.TryAdd(1, Noise(9), 12345, default);
        Finish(out byte[] batch);
        Assert.False(_decoder.Decode(batch, PageCount, _shadow).IsOk);
        Assert.Empty(_shadow.Taken);
    }

    [Fact]
    public void A_page_beyond_the_guest_is_refused()
    {
        Add(1, Noise(1));
        Add(PageCount, Noise(2));
        Finish(out byte[] batch);
        Assert.False(_decoder.Decode(batch, PageCount, _shadow).IsOk);
        Assert.Empty(_shadow.Taken);
        Assert.True(_decoder.Decode(batch, PageCount + 1, new PageModel(PageCount + 1)).IsOk);
    }

    [Fact]
    public void Any_damaged_byte_is_found()
    {
        byte[] before = Noise(10);
        byte[] now = (byte[])before.Clone();
        now[77] ^= 1;
        before.CopyTo(_shadow[9]);
        Add(4, new byte[Sizes.Page]);
        Add(9, now, before);
        Finish(out byte[] batch);
        for (int at = 0; at < batch.Length; at++)
        {
            batch[at] ^= 0x10;
            Assert.False(_decoder.Decode(batch, PageCount, _shadow).IsOk, $"byte {at}");
            batch[at] ^= 0x10;
            Assert.False(_decoder.Decode(batch.AsSpan(0, at), PageCount, _shadow).IsOk, $"cut at {at}");
        }

        Assert.Empty(_shadow.Taken);
        Assert.True(_decoder.Decode(batch, PageCount, _shadow).IsOk);
    }

    [Fact]
    public void Both_sides_agree_on_the_checksum_of_a_batch()
    {
        Add(1, Noise(1));
        BatchStatistics sent = Finish(out byte[] batch);
        Assert.Equal(sent.Checksum, _decoder.Decode(batch, PageCount, _shadow).Checksum);
    }

    [Theory]
    [InlineData(BatchCompression.Lz4)]
    [InlineData(BatchCompression.Zstd)]
    [InlineData(BatchCompression.Auto)]
    public void Compressed_batches_come_out_as_they_went_in(BatchCompression compression)
    {
        var encoder = new PageBatchEncoder(TestContentHash.Instance, s_codecs, compression);
        byte[] runs = new byte[Sizes.Page];
        runs.AsSpan(1000).Fill(7);
        Assert.True(encoder.TryAdd(3, runs, Hash(runs), default));
        byte[] batch = encoder.Finish(out BatchStatistics statistics).ToArray();
        Assert.InRange(statistics.WireBytes, 1, 200);
        Assert.True(_decoder.Decode(batch, PageCount, _shadow).IsOk);
        Assert.True(_shadow[3].SequenceEqual(runs));
    }

    [Fact]
    public void What_does_not_compress_is_sent_plain()
    {
        var encoder = new PageBatchEncoder(TestContentHash.Instance, s_codecs, BatchCompression.Lz4);
        Assert.True(encoder.TryAdd(3, Noise(3), Hash(Noise(3)), default));
        encoder.Finish(out BatchStatistics statistics);
        Assert.Equal(BatchLimits.HeaderBytes + statistics.BodyBytes, statistics.WireBytes);
    }

    [Fact]
    public void Auto_stops_trying_while_compression_does_not_pay_and_tries_again_later()
    {
        var counter = new CountingCompressor();
        var encoder = new PageBatchEncoder(
            TestContentHash.Instance, new BatchCodecs(counter, null), BatchCompression.Auto);
        for (int i = 0; i < 32; i++)
        {
            encoder.TryAdd(3, Noise(3), Hash(Noise(3)), default);
            encoder.Finish(out _);
        }

        Assert.Equal(2, counter.Calls);
    }

    [Theory]
    [InlineData(1000, 760, 1)]
    [InlineData(1000, 750, 2)]
    [InlineData(0, 900, 2)]
    [InlineData(1000, 0, 1)]
    [InlineData(0, 0, 0)]
    public void Auto_takes_the_slower_compressor_only_where_it_leaves_a_quarter_less(int lz4, int zstd, byte method)
    {
        var codecs = new BatchCodecs(new CountingCompressor(lz4), new CountingCompressor(zstd));
        var encoder = new PageBatchEncoder(TestContentHash.Instance, codecs, BatchCompression.Auto);
        for (int i = 0; i < 32; i++)
        {
            encoder.TryAdd(3, Noise(3), Hash(Noise(3)), default);
            const int methodOffset = 2;
            Assert.Equal(method, encoder.Finish(out _).Span[methodOffset]);
        }

        // Both on each batch that is tried, the better one on the others.
        int better = method == 0 ? 0 : 30;
        Assert.Equal(2 + (method == 1 ? better : 0), ((CountingCompressor)codecs.Lz4!).Calls);
        Assert.Equal(2 + (method == 2 ? better : 0), ((CountingCompressor)codecs.Zstd!).Calls);
    }

    [Fact]
    public void Auto_never_takes_the_slower_compressor_for_differences()
    {
        var zstd = new CountingCompressor(1);
        var encoder = new PageBatchEncoder(
            TestContentHash.Instance, new BatchCodecs(new CountingCompressor(), zstd), BatchCompression.Auto);
        encoder.TryAdd(3, Noise(3), Hash(Noise(3)), default);
        encoder.Finish(out _);
        Assert.Equal(1, zstd.Calls);
        for (int i = 0; i < 40; i++)
        {
            byte[] now = Noise(4);
            now[i] ^= 1;
            encoder.TryAdd(3, now, Hash(now), Noise(4));
            encoder.Finish(out BatchStatistics statistics);
            Assert.Equal(1, statistics.DeltaPages);
        }

        Assert.Equal(1, zstd.Calls);
    }

    [Fact]
    public void A_batch_in_a_method_without_a_decompressor_is_refused()
    {
        var encoder = new PageBatchEncoder(TestContentHash.Instance, s_codecs, BatchCompression.Zstd);
        byte[] ones = new byte[Sizes.Page];
        ones.AsSpan().Fill(1);
        encoder.TryAdd(3, ones, Hash(ones), default);
        ReadOnlyMemory<byte> batch = encoder.Finish(out _);
        var decoder = new PageBatchDecoder(TestContentHash.Instance, BatchCodecs.None);
        Assert.Contains("decompressor", decoder.Decode(batch.Span, PageCount, _shadow).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Encoding_and_decoding_allocate_nothing_in_the_steady_state()
    {
        var encoder = new PageBatchEncoder(TestContentHash.Instance, s_codecs, BatchCompression.Lz4);
        var sink = new DevNull();
        byte[] page = Noise(1);
        byte[] reference = (byte[])page.Clone();
        byte[] other = (byte[])page.Clone();
        other[5] ^= 1;
        ulong hash = Hash(page);
        ulong otherHash = Hash(other);
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            encoder.TryAdd(1, page, hash, default);
            encoder.TryAdd(2, page, hash, default);
            page.CopyTo(reference, 0);
            encoder.TryAdd(3, other, otherHash, reference);
            Assert.True(_decoder.Decode(encoder.Finish(out _).Span, PageCount, sink).IsOk);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void The_format_is_frozen()
    {
        byte[] page = new byte[Sizes.Page];
        BinaryPrimitives.WriteUInt64LittleEndian(page.AsSpan(8), 0x1111111111111111);
        byte[] now = (byte[])page.Clone();
        BinaryPrimitives.WriteUInt64LittleEndian(now.AsSpan(0), 0x2222222222222222);
        BinaryPrimitives.WriteUInt64LittleEndian(now.AsSpan(4088), 0x3333333333333333);
        Add(2, new byte[Sizes.Page]);
        Add(3, page);
        Add(200, page);
        Add(201, now, page);
        Finish(out byte[] batch);
        byte[] header = batch[..BatchLimits.HeaderBytes];
        byte[] body = batch[BatchLimits.HeaderBytes..];
        Assert.Equal("500200000400000020100000A88E5DF612C907F80E0BC8E7A6DFAF1B", Convert.ToHexString(header));
        Assert.Equal("08" + "01" + Convert.ToHexString(page), Convert.ToHexString(body.AsSpan(0, 2 + Sizes.Page)));
        Assert.Equal(
            "9306" + "00" + "02" + "0100000000000080" + "01" + "80" + "2222222222222222" + "3333333333333333",
            Convert.ToHexString(body.AsSpan(2 + Sizes.Page)));
    }

    private static byte[] Noise(int seed)
    {
        byte[] page = new byte[Sizes.Page];
        new Random(seed).NextBytes(page);
        return page;
    }

    private static ulong Hash(ReadOnlySpan<byte> page) => TestContentHash.Instance.Hash(page);

    private void Add(long page, ReadOnlySpan<byte> content, ReadOnlySpan<byte> reference = default)
    {
        byte[] kept = reference.ToArray();
        Assert.True(_encoder.TryAdd(page, content, Hash(content), kept));
        if (kept.Length > 0) Assert.True(content.SequenceEqual(kept), "the reference follows what was added");
    }

    private BatchStatistics Finish(out byte[] batch)
    {
        batch = _encoder.Finish(out BatchStatistics statistics).ToArray();
        Assert.Equal(batch.Length, statistics.WireBytes);
        return statistics;
    }

    private BatchStatistics Deliver()
    {
        BatchStatistics statistics = Finish(out byte[] batch);
        BatchOutcome outcome = _decoder.Decode(batch, PageCount, _shadow);
        Assert.Equal("", outcome.Error);
        Assert.Equal(statistics.Entries, outcome.Entries);
        return statistics;
    }

    private sealed class CountingCompressor(int packedBytes = 0) : ICompressor
    {
        public int Calls { get; private set; }

        public int CompressedBytesMax(int sourceBytes) => sourceBytes * 2;

        public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
        {
            Calls++;
            return packedBytes;
        }

        public int Decompress(ReadOnlySpan<byte> source, Span<byte> destination) => -1;
    }

    private sealed class DevNull : IPageSink
    {
        private readonly byte[] _reference = Noise(1);

        public void ReadReference(long page, Span<byte> destination) => _reference.CopyTo(destination);

        public void Page(long page, ReadOnlySpan<byte> content, ulong hash)
        {
        }
    }
}
