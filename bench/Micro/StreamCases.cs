using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Linux.Native;

namespace Umbra.Bench.Micro;

/// <summary>
/// Compressors alone and against what was sent before, on a made-up write-ahead log: database pages behind frame
/// headers of 24 bytes, which come again in another order, changed in some bytes, every time that the log goes round.
/// </summary>
internal sealed class StreamCases : IDisposable
{
    private const int DatabasePages = 400, FrameHeaderBytes = 24, FrameBytes = FrameHeaderBytes + Sizes.Page;

    // 4 MiB, where sqlite's log goes round.
    private const int FramesPerRound = 1000;

    private readonly ZstdCompressor _alone = new();
    private readonly Lz4Compressor _lz4 = new();
    private readonly ZstdStream _stream = new();
    private readonly ZstdStream _decoded = new();
    private readonly byte[] _packed = new byte[BatchLimits.BodyBytesMax * 2];
    private readonly byte[] _plain = new byte[BatchLimits.BodyBytesMax];
    private readonly byte[] _database = new byte[DatabasePages * Sizes.Page];
    private readonly byte[] _log = new byte[FramesPerRound * FrameBytes];
    private readonly Random _random = new(7);
    private readonly List<byte[]> _parts = [];

    public StreamCases()
    {
        WriteDigits(_database);
    }

    public IEnumerable<MicroCase> All()
    {
        yield return Case("lz4-of-log", () => Compress(_lz4.Compress), "a write-ahead log, by 256 KiB");
        yield return Case("zstd-of-log", () => Compress(_alone.Compress), "level 1");
        yield return Case("zstd-stream-of-log", () => Compress(_stream.Compress), "against the 8 MiB before it");
        yield return new MicroCase("zstd-stream-decode", _log.Length, DecodeAll, "the shadow's side of it")
        {
            Prepare = () =>
            {
                WriteLog();
                _parts.Clear();
                Compress((piece, into) => Keep(_decoded.Compress(piece, into)));
            },
        };
    }

    public void Dispose()
    {
        _alone.Dispose();
        _lz4.Dispose();
        _stream.Dispose();
        _decoded.Dispose();
    }

    private MicroCase Case(string name, Func<long> run, string note) =>
        new(name, _log.Length, run, note) { Prepare = WriteLog };

    private delegate int Packer(ReadOnlySpan<byte> piece, Span<byte> into);

    private long Compress(Packer packer)
    {
        long bytes = 0;
        for (int at = 0; at < _log.Length; at += BatchLimits.BodyBytesMax)
            bytes += packer(_log.AsSpan(at, Math.Min(BatchLimits.BodyBytesMax, _log.Length - at)), _packed);
        return bytes;
    }

    private int Keep(int bytes)
    {
        _parts.Add(_packed[..bytes]);
        return bytes;
    }

    private long DecodeAll()
    {
        int at = 0;
        foreach (byte[] part in _parts)
        {
            Span<byte> plain = _plain.AsSpan(0, Math.Min(BatchLimits.BodyBytesMax, _log.Length - at));
            Invariant.Holds(_decoded.Decompress(part, plain) == plain.Length, "what was compressed comes back");
            at += plain.Length;
        }

        return _parts.Sum(part => part.LongLength);
    }

    private void WriteDigits(Span<byte> into)
    {
        foreach (ref byte digit in into) digit = (byte)"0123456789ABCDEF"[_random.Next(16)];
    }

    private void WriteLog()
    {
        for (int at = 0; at < _log.Length; at += FrameBytes)
        {
            Span<byte> page = _database.AsSpan(_random.Next(DatabasePages) * Sizes.Page, Sizes.Page);
            for (int change = 0; change < 3; change++)
                WriteDigits(page.Slice(_random.Next(Sizes.Page - 8), 8));
            _random.NextBytes(_log.AsSpan(at, FrameHeaderBytes));
            page.CopyTo(_log.AsSpan(at + FrameHeaderBytes));
        }
    }
}
