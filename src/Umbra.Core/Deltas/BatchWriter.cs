using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// The outside of a batch, common to pages and blocks: header, checksums, and compression of the body when it pays.
/// Owns the buffers, so a batch is valid until the next one is begun.
/// </summary>
internal sealed class BatchWriter(IContentHash hash, BatchCodecs codecs, BatchCompression compression)
{
    // A compressor that saves less than an eighth costs both sides more time than the wire.
    private const int SavingDivisor = 8;

    // With Auto, a batch is tried in every way, and this many after it go out as did best then.
    private const int BatchesAsChosen = 15;

    private readonly byte[] _plain = GC.AllocateUninitializedArray<byte>(BatchLimits.PayloadBytesMax);

    // Taken when a compressor is first tried.
    private byte[] _packed = [];
    private byte[] _otherPacked = [];
    private BatchMethod _chosen;
    private int _leftAsChosen;

    /// <summary>Where the body is written: <see cref="BatchLimits.BodyBytesMax"/> bytes.</summary>
    public Span<byte> Body => _plain.AsSpan(BatchLimits.HeaderBytes);

    /// <summary>
    /// Makes the batch out of the first <paramref name="bodyBytes"/> of <see cref="Body"/>, which stand for
    /// <paramref name="rawBytes"/> of the guest.
    /// </summary>
    public ReadOnlyMemory<byte> Seal(
        BatchKind kind, int bodyBytes, long rawBytes, int entries, ulong contents, out ulong checksum)
    {
        int packedBytes = TryCompress(bodyBytes, bodyBytes >= rawBytes / 2, out BatchMethod method);
        byte[] batch = method == BatchMethod.Plain ? _plain : _packed;
        int storedBytes = method == BatchMethod.Plain ? bodyBytes : packedBytes;
        var header = new BatchHeader(kind, method, entries, bodyBytes, contents);
        header.Write(batch);
        checksum = header.Checksum(hash, batch.AsSpan(BatchLimits.HeaderBytes, storedBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(batch.AsSpan(BatchHeader.ChecksumOffset), checksum);
        return batch.AsMemory(0, BatchLimits.HeaderBytes + storedBytes);
    }

    private int TryCompress(int bodyBytes, bool isMostlyWhole, out BatchMethod method)
    {
        if (compression == BatchCompression.Auto && bodyBytes > 0)
            return CompressAsPays(bodyBytes, isMostlyWhole, out method);
        BatchMethod wanted = compression switch
        {
            BatchCompression.Lz4 => BatchMethod.Lz4,
            BatchCompression.Zstd => BatchMethod.Zstd,
            _ => BatchMethod.Plain,
        };
        int packedBytes = Pack(wanted, bodyBytes, ref _packed);
        method = packedBytes > 0 ? wanted : BatchMethod.Plain;
        return packedBytes;
    }

    private int CompressAsPays(int bodyBytes, bool isMostlyWhole, out BatchMethod method)
    {
        // A choice made on whole pages does not hold for one of differences.
        bool holds = _chosen != BatchMethod.Zstd || isMostlyWhole;
        int packedBytes = _leftAsChosen-- > 0 && holds
            ? Pack(_chosen, bodyBytes, ref _packed)
            : Choose(bodyBytes, isMostlyWhole);
        if (packedBytes == 0 && _chosen != BatchMethod.Plain)
        {
            // The stream has changed: no further batch is packed in vain.
            _chosen = BatchMethod.Plain;
            _leftAsChosen = BatchesAsChosen;
        }

        method = _chosen;
        return packedBytes;
    }

    // Zstandard takes two to three times as long as LZ4: it has to leave a quarter less, and is for whole pages and
    // blocks alone. Differences are small already, and there are so many of them that its time would be most of all.
    private int Choose(int bodyBytes, bool isMostlyWhole)
    {
        _leftAsChosen = BatchesAsChosen;
        int lz4Bytes = Pack(BatchMethod.Lz4, bodyBytes, ref _packed);
        int zstdBytes = isMostlyWhole ? Pack(BatchMethod.Zstd, bodyBytes, ref _otherPacked) : 0;
        if (zstdBytes > 0 && (lz4Bytes == 0 || zstdBytes <= lz4Bytes - (lz4Bytes / 4)))
        {
            (_packed, _otherPacked) = (_otherPacked, _packed);
            _chosen = BatchMethod.Zstd;
            return zstdBytes;
        }

        _chosen = lz4Bytes > 0 ? BatchMethod.Lz4 : BatchMethod.Plain;
        return lz4Bytes;
    }

    // Size of the body packed behind the header's room; 0: it does not pay, or there is no such compressor.
    private int Pack(BatchMethod wanted, int bodyBytes, ref byte[] into)
    {
        ICompressor? compressor = wanted switch
        {
            BatchMethod.Lz4 => codecs.Lz4,
            BatchMethod.Zstd => codecs.Zstd,
            _ => null,
        };
        int packedBytesMax = bodyBytes - (bodyBytes / SavingDivisor) - 1;
        if (compressor is null || packedBytesMax <= 0) return 0;
        if (into.Length == 0) into = new byte[BatchLimits.PayloadBytesMax];
        return compressor.Compress(Body[..bodyBytes], into.AsSpan(BatchLimits.HeaderBytes, packedBytesMax));
    }
}
