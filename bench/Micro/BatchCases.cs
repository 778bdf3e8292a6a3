using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Linux.Native;

namespace Umbra.Bench.Micro;

/// <summary>The parts of encoding and decoding, each by itself.</summary>
internal sealed class BatchCases : IPageSink, IDisposable
{
    private readonly PageSample _sample;
    private readonly XxHash3 _hash = new();
    private readonly Lz4Compressor _lz4 = new();
    private readonly ZstdCompressor _zstd = new();
    private readonly byte[] _scratch;
    private readonly byte[] _zeros;
    private readonly byte[] _delta = new byte[Sizes.Page * 2];
    private readonly byte[] _packed = new byte[BatchLimits.BodyBytesMax * 2];
    private readonly byte[] _xor;
    private readonly byte[] _sent;
    private readonly ulong[] _hashes;
    private byte[] _memory;
    private readonly PageBatchEncoder _encoder;
    private readonly PageBatchDecoder _decoder;
    private readonly List<byte[]> _batches = [];

    public BatchCases(PageSample sample)
    {
        _sample = sample;
        _scratch = new byte[sample.Bytes];
        _zeros = new byte[sample.Bytes];
        // Touched, so that it is memory of its own and not the kernel's one zero page.
        for (int i = 0; i < _zeros.Length; i += Sizes.Page) _zeros[i] = 0;
        _sent = (byte[])sample.Before.Clone();
        _memory = sample.Now;
        _xor = new byte[sample.Bytes];
        for (int i = 0; i < _xor.Length; i++) _xor[i] = (byte)(sample.Before[i] ^ sample.Now[i]);
        _hashes = new ulong[sample.Pages];
        for (int page = 0; page < sample.Pages; page++) _hashes[page] = _hash.Hash(sample.NowPage(page));
        var codecs = new BatchCodecs(_lz4, _zstd);
        _encoder = new PageBatchEncoder(_hash, codecs, BatchCompression.None);
        _decoder = new PageBatchDecoder(_hash, codecs);
        Encode(batch => _batches.Add(batch.ToArray()));
    }

    public IEnumerable<MicroCase> All()
    {
        long bytes = _sample.Bytes;
        yield return new MicroCase("zero-test", bytes, () =>
            _zeros.AsSpan().IndexOfAnyExcept((byte)0) < 0 ? 0 : 1, "of pages that are all zero");
        yield return new MicroCase("hash", bytes, HashAll, "XXH3-64, page by page");
        yield return new MicroCase("delta-encode", bytes, DeltaAll, "word masks, without batches");
        yield return new MicroCase("batch-encode", bytes, () => Encode(static _ => { }),
            "hashes given, not compressed");
        yield return new MicroCase("batch-decode", bytes, DecodeAll, "with checksums and a hash per page");
        yield return new MicroCase("lz4-of-xor", bytes, () => Compress(_lz4, _xor), "256 KiB at a time");
        yield return new MicroCase("zstd-of-xor", bytes, () => Compress(_zstd, _xor), "level 1, 256 KiB at a time");
        yield return new MicroCase("lz4-of-pages", bytes, () => Compress(_lz4, _sample.Now), "256 KiB at a time");
        yield return new MicroCase("lz4-of-batches", BatchBytes, () => CompressBatches(_lz4), "bodies with word masks");
        yield return new MicroCase("zstd-of-batches", BatchBytes, () => CompressBatches(_zstd), "level 1");
    }

    public void Dispose()
    {
        _lz4.Dispose();
        _zstd.Dispose();
    }

    void IPageSink.ReadReference(long page, Span<byte> destination) =>
        _sample.BeforePage((int)page).CopyTo(destination);

    void IPageSink.Page(long page, ReadOnlySpan<byte> content, ulong hash) =>
        content.CopyTo(_scratch.AsSpan((int)page * Sizes.Page));

    private long BatchBytes => _batches.Sum(batch => batch.LongLength);

    private long HashAll()
    {
        ulong sum = 0;
        for (int page = 0; page < _sample.Pages; page++) sum += _hash.Hash(_sample.NowPage(page));
        return sum == 0 ? 1 : 0;
    }

    // References follow what is encoded, so each run goes to the other of the two moments.
    private long DeltaAll()
    {
        long bytes = 0;
        for (int page = 0; page < _sample.Pages; page++)
        {
            int at = page * Sizes.Page;
            int delta = WordDelta.Encode(
                _memory.AsSpan(at, Sizes.Page), _sent.AsSpan(at, Sizes.Page), _delta);
            bytes += delta == 0 ? Sizes.Page : delta;
            if (delta == 0) _memory.AsSpan(at, Sizes.Page).CopyTo(_sent.AsSpan(at));
        }

        Jump();
        return bytes;
    }

    private long Encode(Action<ReadOnlyMemory<byte>> batchDone)
    {
        long bytes = 0;
        for (int page = 0; page < _sample.Pages; page++)
        {
            int at = page * Sizes.Page;
            while (!_encoder.TryAdd(page, _memory.AsSpan(at, Sizes.Page), _hashes[page], _sent.AsSpan(at, Sizes.Page)))
                bytes += Finish(batchDone);
        }

        Jump();
        return bytes + Finish(batchDone);
    }

    private void Jump() => _memory = _memory == _sample.Now ? _sample.Before : _sample.Now;

    private int Finish(Action<ReadOnlyMemory<byte>> batchDone)
    {
        ReadOnlyMemory<byte> batch = _encoder.Finish(out _);
        batchDone(batch);
        return batch.Length;
    }

    private long DecodeAll()
    {
        foreach (byte[] batch in _batches)
        {
            BatchOutcome outcome = _decoder.Decode(batch, _sample.Pages, this);
            Invariant.Holds(outcome.IsOk, outcome.Error);
        }

        return BatchBytes;
    }

    private long Compress(ICompressor compressor, byte[] data)
    {
        long bytes = 0;
        for (int at = 0; at < data.Length; at += BatchLimits.BodyBytesMax)
        {
            int part = Math.Min(BatchLimits.BodyBytesMax, data.Length - at);
            bytes += compressor.Compress(data.AsSpan(at, part), _packed);
        }

        return bytes;
    }

    private long CompressBatches(ICompressor compressor)
    {
        long bytes = 0;
        foreach (byte[] batch in _batches) bytes += compressor.Compress(batch, _packed);
        return bytes;
    }
}
