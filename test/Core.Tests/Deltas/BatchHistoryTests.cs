using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Testing;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

/// <summary>Batches that are compressed against those before them on the same connection.</summary>
public sealed class BatchHistoryTests
{
    private const int PageCount = 4096, DiskBytes = 4 * 1024 * 1024, MethodOffset = 2, StreamMethod = 3;

    private static readonly TestContentHash s_hash = TestContentHash.Instance;

    private readonly BatchCodecs _sending = NewCodecs();
    private readonly BatchCodecs _receiving = NewCodecs();
    private readonly PageBatchEncoder _encoder;
    private readonly PageBatchDecoder _decoder;
    private readonly PageModel _shadow = new(PageCount);

    public BatchHistoryTests()
    {
        _encoder = new PageBatchEncoder(s_hash, _sending, BatchCompression.Stream);
        _decoder = new PageBatchDecoder(s_hash, _receiving);
    }

    private static BatchHistory History(BatchCodecs codecs) => codecs.History!;

    [Fact]
    public void Pages_and_blocks_of_all_sizes_come_out_in_the_order_in_which_they_were_sent()
    {
        var blocks = new BlockBatchEncoder(s_hash, _sending, BatchCompression.Stream);
        var blockDecoder = new BlockBatchDecoder(s_hash, _receiving);
        var disks = new DiskModel(DiskBytes, 1024);
        var random = new Random(5);
        for (int i = 0; i < 200; i++)
        {
            byte[] data = Noise(i % 7, random.Next(1, 9) * Sizes.Page);
            if (random.Next(2) == 0)
            {
                var write = new DiskOperation(DiskOperationKind.Write, 0, i * Sizes.Page, data.Length);
                Assert.Equal(data.Length, blocks.Add(write, data, 0));
                byte[] batch = blocks.Finish(out _).ToArray();
                Assert.Equal(StreamMethod, batch[MethodOffset]);
                Assert.Equal("", blockDecoder.Decode(batch, disks.Geometry, 0, disks).Error);
                Assert.True(disks[0].Slice(i * Sizes.Page, data.Length).SequenceEqual(data));
                continue;
            }

            int first = random.Next(PageCount - 16);
            Assert.Equal("", Decode(Batch(first, data)));
            Assert.True(_shadow[first].SequenceEqual(data.AsSpan(0, Sizes.Page)));
        }
    }

    [Theory]
    [InlineData("skipped", "number 2 of the stream came instead of 1")]
    [InlineData("repeated", "number 0 of the stream came instead of 1")]
    [InlineData("corrupt", "checksum")]
    [InlineData("truncated", "checksum")]
    public void A_batch_out_of_its_place_is_refused_and_none_after_it_taken_until_both_begin_anew(
        string fault, string error)
    {
        byte[][] batches = [.. Enumerable.Range(0, 4).Select(n => Batch(n, Noise(n, Sizes.Page)))];
        Assert.Equal("", Decode(batches[0]));
        byte[] wrong = fault switch
        {
            "skipped" => batches[2],
            "repeated" => batches[0],
            "truncated" => batches[1][..^5],
            _ => [.. batches[1][..^1], (byte)(batches[1][^1] ^ 1)],
        };
        Assert.Contains(error, Decode(wrong), StringComparison.Ordinal);
        Assert.Equal([0L], _shadow.Taken);
        Assert.NotEqual("", Decode(batches[3]));
        Assert.Equal([0L], _shadow.Taken);
        History(_receiving).BeginReceiving();
        History(_sending).BeginSending();
        Assert.Equal("", Decode(Batch(1, Noise(1, Sizes.Page))));
        Assert.Equal([0L, 1], _shadow.Taken);
    }

    [Fact]
    public void A_batch_that_was_not_taken_spoils_all_that_follow()
    {
        Span<byte> plain = new byte[Sizes.Page];
        byte[] packed = new byte[2 * Sizes.Page];
        int bytes = History(_sending).Pack(Noise(1, Sizes.Page), packed);
        packed[BatchHistory.HeadBytes + 3] ^= 1;
        Assert.Contains("does not decompress", Open(packed.AsSpan(0, bytes), plain), StringComparison.Ordinal);
        packed[BatchHistory.HeadBytes + 3] ^= 1;
        Assert.Contains("could not be taken", Open(packed.AsSpan(0, bytes), plain), StringComparison.Ordinal);
        History(_receiving).BeginReceiving();
        Assert.Contains("too short", Open(packed.AsSpan(0, BatchHistory.HeadBytes), plain), StringComparison.Ordinal);
        History(_receiving).BeginReceiving();
        Assert.Null(History(_receiving).Open(packed.AsSpan(0, bytes), plain));
    }

    [Fact]
    public void A_connection_begins_without_a_history_on_either_side()
    {
        Assert.Equal("", Decode(Batch(1, Noise(1, Sizes.Page))));
        History(_receiving).BeginReceiving();
        Assert.Contains("instead of 0", Decode(Batch(2, Noise(2, Sizes.Page))), StringComparison.Ordinal);
        History(_receiving).BeginReceiving();
        History(_sending).BeginSending();
        Assert.Equal(0, History(_sending).SentBytes);
        Assert.Equal("", Decode(Batch(3, Noise(3, Sizes.Page))));
    }

    [Fact]
    public void What_is_discarded_is_in_no_history()
    {
        Assert.Equal("", Decode(Batch(1, Noise(1, Sizes.Page))));
        Assert.True(_encoder.TryAdd(5, Noise(2, Sizes.Page), s_hash.Hash(Noise(2, Sizes.Page)), default));
        _encoder.Discard();
        Assert.Equal(0, _encoder.Count);
        Assert.Equal("", Decode(Batch(1, Noise(3, Sizes.Page))));
    }

    [Fact]
    public void A_full_batch_that_grows_still_is_within_its_limit()
    {
        byte[] batch = Batch(0, Noise(1, 63 * Sizes.Page));
        Assert.True(batch.Length > BatchLimits.HeaderBytes + (63 * Sizes.Page));
        Assert.InRange(batch.Length, 1, BatchLimits.PayloadBytesMax);
        Assert.Equal("", Decode(batch));
    }

    [Fact]
    public void A_compressor_that_fails_is_not_asked_again_before_the_next_connection()
    {
        var failing = new FailingCompressor();
        var codecs = new BatchCodecs(null, null, new BatchHistory(failing));
        var encoder = new PageBatchEncoder(s_hash, codecs, BatchCompression.Stream);
        for (int i = 0; i < 3; i++)
        {
            encoder.TryAdd(1, Noise(i, Sizes.Page), s_hash.Hash(Noise(i, Sizes.Page)), default);
            Assert.Equal("", Decode(encoder.Finish(out _).ToArray()));
        }

        Assert.Equal(1, failing.Calls);
        codecs.History!.BeginSending();
        encoder.TryAdd(1, Noise(9, Sizes.Page), s_hash.Hash(Noise(9, Sizes.Page)), default);
        encoder.Finish(out _);
        Assert.Equal(2, failing.Calls);
    }

    [Fact]
    public void Auto_fills_a_history_before_it_judges_and_again_after_many_trials_in_vain()
    {
        // 32 KiB of history, 8 KiB a batch, of bytes that nothing shortens.
        BatchCodecs codecs = Offering(32 * Sizes.KiB);
        var encoder = new PageBatchEncoder(s_hash, codecs, BatchCompression.Auto);
        bool[] inStream = [.. Enumerable.Range(0, 400).Select(n => IsInStream(encoder, Noise(n, 2 * Sizes.Page)))];
        Assert.All(inStream[..4], Assert.True);
        Assert.Equal(2, inStream[16..48].Count(one => one));
        Assert.InRange(inStream[64..].Count(one => one), 21 + 4, 21 + 32);
    }

    [Fact]
    public void Auto_uses_no_history_before_it_is_offered()
    {
        BatchCodecs codecs = Offering(32 * Sizes.KiB);
        codecs.History!.BeginSending();
        var encoder = new PageBatchEncoder(s_hash, codecs, BatchCompression.Auto);
        byte[] same = Noise(1, 2 * Sizes.Page);
        Assert.All(Enumerable.Range(0, 40), _ => Assert.False(IsInStream(encoder, same)));
        codecs.History.Offer();
        Assert.Contains(Enumerable.Range(0, 16), _ => IsInStream(encoder, same));
        Assert.All(Enumerable.Range(0, 40), _ => Assert.True(IsInStream(encoder, same)));
    }

    [Fact]
    public void Auto_stays_with_the_history_while_it_finds_what_was_sent_before()
    {
        BatchCodecs codecs = Offering(32 * Sizes.KiB);
        var encoder = new PageBatchEncoder(s_hash, codecs, BatchCompression.Auto);
        byte[] same = Noise(1, 2 * Sizes.Page);
        Assert.All(Enumerable.Range(0, 100), _ => Assert.True(IsInStream(encoder, same)));
        // Once it does not, nothing more goes that way until the next trial.
        Assert.True(IsInStream(encoder, Noise(2, 2 * Sizes.Page)));
        Assert.False(IsInStream(encoder, Noise(3, 2 * Sizes.Page)));
    }

    [Fact]
    public void Auto_keeps_differences_out_of_the_history_and_its_choice_for_whole_pages()
    {
        BatchCodecs codecs = Offering(32 * Sizes.KiB);
        var encoder = new PageBatchEncoder(s_hash, codecs, BatchCompression.Auto);
        byte[] same = Noise(1, 2 * Sizes.Page);
        for (int i = 0; i < 40; i++)
        {
            Assert.True(IsInStream(encoder, same));
            byte[] now = Noise(4, Sizes.Page);
            now[i] ^= 1;
            encoder.TryAdd(3, now, s_hash.Hash(now), Noise(4, Sizes.Page));
            Assert.NotEqual(StreamMethod, encoder.Finish(out _).Span[MethodOffset]);
        }
    }

    [Fact]
    public void A_history_allocates_nothing_once_it_is_warm()
    {
        byte[] page = Noise(1, Sizes.Page), packed = new byte[2 * Sizes.Page], plain = new byte[Sizes.Page];
        long allocated = 0;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            int bytes = History(_sending).Pack(page, packed);
            string? error = History(_receiving).Open(packed.AsSpan(0, bytes), plain);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Null(error);
        }

        Assert.Equal(0, allocated);
    }

    private static BatchCodecs NewCodecs() => new(null, null, Remembering(Sizes.MiB));

    private static BatchHistory Remembering(int bytes) => new(new RememberingCompressor { HistoryBytes = bytes });

    private static BatchCodecs Offering(int bytes)
    {
        BatchCodecs codecs = new(new RunLengthCompressor(), null, Remembering(bytes));
        codecs.History!.Offer();
        return codecs;
    }

    private static byte[] Noise(int seed, int bytes)
    {
        byte[] noise = new byte[bytes];
        new Random(seed).NextBytes(noise);
        return noise;
    }

    private static bool IsInStream(PageBatchEncoder encoder, byte[] pages)
    {
        Add(encoder, 0, pages);
        return encoder.Finish(out _).Span[MethodOffset] == StreamMethod;
    }

    private static void Add(PageBatchEncoder encoder, int first, byte[] pages)
    {
        for (int at = 0; at < pages.Length; at += Sizes.Page)
        {
            ReadOnlySpan<byte> page = pages.AsSpan(at, Sizes.Page);
            Assert.True(encoder.TryAdd(first + (at / Sizes.Page), page, s_hash.Hash(page), default));
        }
    }

    private byte[] Batch(int first, byte[] pages)
    {
        Add(_encoder, first, pages);
        byte[] batch = _encoder.Finish(out _).ToArray();
        Assert.Equal(StreamMethod, batch[MethodOffset]);
        return batch;
    }

    private string Decode(byte[] batch) => _decoder.Decode(batch, PageCount, _shadow).Error;

    private string Open(ReadOnlySpan<byte> stored, Span<byte> plain) => History(_receiving).Open(stored, plain) ?? "";

    private sealed class FailingCompressor : IStreamCompressor
    {
        public int Calls { get; private set; }

        public int HistoryBytes => Sizes.MiB;

        public int CompressedBytesMax(int sourceBytes) => sourceBytes;

        public void BeginCompressing()
        {
        }

        public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
        {
            Calls++;
            return 0;
        }

        public void BeginDecompressing()
        {
        }

        public int Decompress(ReadOnlySpan<byte> source, Span<byte> destination) => -1;
    }
}
