using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Linux.Native;
using Umbra.Testing;
using Xunit;

namespace Umbra.Linux.Tests.Native;

/// <summary>Zstandard with a history, by itself and as batches use it.</summary>
public sealed class ZstdStreamTests : IDisposable
{
    private const int PieceBytesMax = BatchLimits.BodyBytesMax;

    private readonly ZstdStream _source = new();
    private readonly ZstdStream _shadow = new();
    private readonly byte[] _packed;

    public ZstdStreamTests() => _packed = new byte[_source.CompressedBytesMax(PieceBytesMax)];

    public void Dispose()
    {
        _source.Dispose();
        _shadow.Dispose();
    }

    [Fact]
    public void Pieces_of_all_sizes_come_back_beyond_the_end_of_the_history()
    {
        var random = new Random(1);
        byte[] all = new byte[20 * Sizes.MiB];
        random.NextBytes(all.AsSpan(0, 3 * Sizes.MiB));
        for (int at = 3 * Sizes.MiB; at < all.Length; at += Sizes.MiB)
            all.AsSpan(at - (random.Next(2, 3000) * 1000), Sizes.MiB).CopyTo(all.AsSpan(at));
        long sent = 0;
        for (int at = 0, piece = 1; at < all.Length; at += piece)
        {
            piece = Math.Min(all.Length - at, 1 + random.Next(random.Next(3) == 0 ? 100 : PieceBytesMax));
            byte[] back = new byte[piece];
            int bytes = Compress(all.AsSpan(at, piece));
            Assert.Equal(piece, _shadow.Decompress(_packed.AsSpan(0, bytes), back));
            Assert.True(all.AsSpan(at, piece).SequenceEqual(back));
            sent += bytes;
        }

        Assert.InRange(sent, 3 * Sizes.MiB, 5 * Sizes.MiB);
    }

    [Fact]
    public void Shifted_copies_of_pages_sent_before_shrink_to_a_small_part()
    {
        byte[] first = WriteAheadLog(round: 0), second = WriteAheadLog(round: 1);
        using var plain = new ZstdCompressor();
        long alone = 0, firstBytes = 0, secondBytes = 0;
        for (int at = 0; at < first.Length; at += PieceBytesMax) firstBytes += Compress(Piece(first, at));
        for (int at = 0; at < second.Length; at += PieceBytesMax)
        {
            secondBytes += Compress(Piece(second, at));
            alone += plain.Compress(Piece(second, at), _packed);
        }

        Assert.InRange(secondBytes, 1, second.Length / 20);
        Assert.InRange(secondBytes, 1, alone / 8);
        Assert.InRange(firstBytes, alone / 2, alone * 2);
    }

    [Fact]
    public void Nothing_is_taken_before_it_is_used_and_no_more_than_the_history_needs()
    {
        Assert.Equal(0, _source.MemoryBytes + _shadow.MemoryBytes);
        byte[] noise = new byte[PieceBytesMax];
        for (int i = 0; i < 80; i++)
        {
            new Random(i).NextBytes(noise);
            int bytes = Compress(noise);
            Assert.InRange(bytes, 1, noise.Length + 100);
            Assert.Equal(noise.Length, _shadow.Decompress(_packed.AsSpan(0, bytes), noise));
        }

        Assert.InRange(_source.MemoryBytes, 1, _source.HistoryBytes + (3 * Sizes.MiB));
        Assert.InRange(_shadow.MemoryBytes, 1, _shadow.HistoryBytes + Sizes.MiB);
    }

    [Theory]
    [InlineData("68", "18", 3)]
    [InlineData("70", "18", -1)]
    [InlineData("68", "19", -1)]
    public void A_larger_window_and_a_frame_that_ends_are_refused(string window, string block, int expected)
    {
        // Magic, descriptor, window, then a stored block of three bytes, the frame's last one where bit 0 is set.
        byte[] frame = Convert.FromHexString("28B52FFD" + "00" + window + block + "0000" + "AABBCC");
        Assert.Equal(expected, _shadow.Decompress(frame, new byte[3]));
        Assert.InRange(_shadow.MemoryBytes, 0, _shadow.HistoryBytes + Sizes.MiB);
    }

    [Theory]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData(0)]
    public void A_piece_of_another_size_than_stated_is_refused(int stated)
    {
        byte[] page = new byte[4096];
        new Random(1).NextBytes(page);
        int bytes = Compress(page);
        Assert.NotEqual(stated, _shadow.Decompress(_packed.AsSpan(0, bytes), new byte[stated]));
        _shadow.BeginDecompressing();
        Assert.Equal(4096, _shadow.Decompress(_packed.AsSpan(0, bytes), new byte[4096]));
    }

    [Fact]
    public void Garbage_never_decompresses_outside_its_bounds()
    {
        var random = new Random(3);
        int goodBytes = Compress(new byte[4096]);
        byte[] good = _packed[..goodBytes];
        byte[] guarded = new byte[4096 + 64];
        for (int i = 0; i < 5_000; i++)
        {
            byte[] input = (byte[])good.Clone();
            if (i % 2 == 0) random.NextBytes(input.AsSpan(6));
            else input[random.Next(input.Length)] ^= (byte)(1 << random.Next(8));
            Array.Fill(guarded, (byte)0xEE);
            if (i % 3 == 0) _shadow.BeginDecompressing();
            Assert.InRange(_shadow.Decompress(input, guarded.AsSpan(32, 4096)), -1, 4096);
            Assert.Equal(-1, guarded.AsSpan(0, 32).IndexOfAnyExcept((byte)0xEE));
            Assert.Equal(-1, guarded.AsSpan(4096 + 32).IndexOfAnyExcept((byte)0xEE));
        }

        Assert.Equal(-1, _shadow.Decompress([], new byte[16]));
        Assert.InRange(_shadow.MemoryBytes, 1, _shadow.HistoryBytes + Sizes.MiB);
        _shadow.BeginDecompressing();
        Assert.Equal(4096, _shadow.Decompress(good, new byte[4096]));
    }

    [Fact]
    public void A_new_beginning_finds_nothing_of_what_was_before()
    {
        byte[] noise = new byte[64 * Sizes.KiB];
        new Random(4).NextBytes(noise);
        Compress(noise);
        Assert.InRange(Compress(noise), 1, 1000);
        _source.BeginCompressing();
        int bytes = Compress(noise);
        Assert.InRange(bytes, noise.Length, noise.Length + 100);
        Assert.Equal(noise.Length, _shadow.Decompress(_packed.AsSpan(0, bytes), noise));
    }

    [Fact]
    public void Output_that_is_too_small_is_answered_by_zero()
    {
        byte[] noise = new byte[4096];
        new Random(5).NextBytes(noise);
        Assert.Equal(0, _source.Compress(noise, new byte[100]));
        _source.BeginCompressing();
        int bytes = Compress(noise);
        Assert.Equal(noise.Length, _shadow.Decompress(_packed.AsSpan(0, bytes), noise));
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        byte[] page = new byte[4096];
        int bytes = Compress(page);
        _shadow.Decompress(_packed.AsSpan(0, bytes), page);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            bytes = _source.Compress(page, _packed);
            _ = _shadow.Decompress(_packed.AsSpan(0, bytes), page);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Batches_of_a_connection_go_through_the_real_compressor()
    {
        var hash = TestContentHash.Instance;
        var encoder = new PageBatchEncoder(
            hash, new BatchCodecs(null, null, new BatchHistory(_source)), BatchCompression.Stream);
        var history = new BatchHistory(_shadow);
        var decoder = new PageBatchDecoder(hash, new BatchCodecs(null, null, history));
        var model = new PageModel(500);
        int[] sizes = new int[3];
        for (int round = 0; round < sizes.Length; round++)
        {
            byte[] log = WriteAheadLog(round / 2);
            for (int page = 0; page < log.Length / Sizes.Page; page++)
            {
                ReadOnlySpan<byte> content = log.AsSpan(page * Sizes.Page, Sizes.Page);
                Assert.True(encoder.TryAdd(page, content, hash.Hash(content), default));
                if (page % 60 != 59) continue;
                ReadOnlyMemory<byte> batch = encoder.Finish(out BatchStatistics statistics);
                Assert.Equal("", decoder.Decode(batch.Span, model.PageCount, model).Error);
                Assert.True(model[page].SequenceEqual(content));
                sizes[round] += statistics.WireBytes;
            }

            encoder.Discard();
        }

        // As it was, then shifted and changed.
        Assert.InRange(sizes[1], 1, sizes[0] / 100);
        Assert.InRange(sizes[2], 1, sizes[0] / 8);
    }

    // Pages of made-up accounts, each behind a frame's header of 24 bytes; from round to round they change places, and
    // a few of their bytes.
    private static byte[] WriteAheadLog(int round)
    {
        const int pages = 500, headerBytes = 24, frameBytes = headerBytes + Sizes.Page;
        byte[] log = new byte[pages * frameBytes / Sizes.Page * Sizes.Page];
        byte[] frame = new byte[frameBytes];
        for (int n = 0; n < log.Length / frameBytes; n++)
        {
            int page = (n * 7 + (round * 13)) % pages;
            new Random((round * pages) + page + 10_000).NextBytes(frame.AsSpan(0, headerBytes));
            var content = new Random(page);
            Span<byte> text = frame.AsSpan(headerBytes);
            for (int i = 0; i < text.Length; i++) text[i] = (byte)"0123456789ABCDEF"[content.Next(16)];
            BitConverter.TryWriteBytes(text[(page % 400 * 8)..], round);
            frame.CopyTo(log.AsSpan(n * frameBytes));
        }

        return log;
    }

    private static ReadOnlySpan<byte> Piece(byte[] all, int at) =>
        all.AsSpan(at, Math.Min(PieceBytesMax, all.Length - at));

    private int Compress(ReadOnlySpan<byte> piece)
    {
        int bytes = _source.Compress(piece, _packed);
        Assert.InRange(bytes, 1, _packed.Length);
        return bytes;
    }
}
