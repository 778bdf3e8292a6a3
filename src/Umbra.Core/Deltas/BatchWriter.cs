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

    // With Auto, after a batch that did not compress, this many go out untried.
    private const int UntriedBatches = 15;

    private readonly byte[] _plain = GC.AllocateUninitializedArray<byte>(BatchLimits.PayloadBytesMax);

    // Taken when a compressor is first tried.
    private byte[] _packed = [];
    private int _untriedLeft;

    /// <summary>Where the body is written: <see cref="BatchLimits.BodyBytesMax"/> bytes.</summary>
    public Span<byte> Body => _plain.AsSpan(BatchLimits.HeaderBytes);

    /// <summary>Makes the batch out of the first <paramref name="bodyBytes"/> of <see cref="Body"/>.</summary>
    public ReadOnlyMemory<byte> Seal(BatchKind kind, int bodyBytes, int entries, ulong contents, out ulong checksum)
    {
        int packedBytes = TryCompress(bodyBytes, out BatchMethod method);
        byte[] batch = method == BatchMethod.Plain ? _plain : _packed;
        int storedBytes = method == BatchMethod.Plain ? bodyBytes : packedBytes;
        var header = new BatchHeader(kind, method, entries, bodyBytes, contents);
        header.Write(batch);
        checksum = header.Checksum(hash, batch.AsSpan(BatchLimits.HeaderBytes, storedBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(batch.AsSpan(BatchHeader.ChecksumOffset), checksum);
        return batch.AsMemory(0, BatchLimits.HeaderBytes + storedBytes);
    }

    private int TryCompress(int bodyBytes, out BatchMethod method)
    {
        method = BatchMethod.Plain;
        (ICompressor? compressor, BatchMethod wanted) = compression switch
        {
            BatchCompression.Lz4 or BatchCompression.Auto => (codecs.Lz4, BatchMethod.Lz4),
            BatchCompression.Zstd => (codecs.Zstd, BatchMethod.Zstd),
            _ => (null, BatchMethod.Plain),
        };
        if (compressor is null || bodyBytes == 0) return 0;
        if (compression == BatchCompression.Auto && _untriedLeft-- > 0) return 0;
        if (_packed.Length == 0) _packed = new byte[BatchLimits.PayloadBytesMax];
        int packedBytesMax = bodyBytes - (bodyBytes / SavingDivisor) - 1;
        int packedBytes = packedBytesMax <= 0 ? 0 : compressor.Compress(
            Body[..bodyBytes], _packed.AsSpan(BatchLimits.HeaderBytes, packedBytesMax));
        _untriedLeft = packedBytes == 0 ? UntriedBatches : 0;
        if (packedBytes > 0) method = wanted;
        return packedBytes;
    }
}
