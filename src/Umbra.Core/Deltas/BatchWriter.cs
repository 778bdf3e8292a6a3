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

    // So many trials in vain, 256 batches, before a history is filled again to see whether it pays by now.
    private const int TrialsInVain = 16;

    private readonly byte[] _plain = GC.AllocateUninitializedArray<byte>(BatchLimits.PayloadBytesMax);

    // Taken when a compressor is first tried.
    private byte[] _packed = [];
    private byte[] _otherPacked = [];

    // What was chosen for one make-up does not hold for another.
    private readonly Choice[] _choices = new Choice[Enum.GetValues<Makeup>().Length];
    private int _vainTrials;

    // What most of a batch's bytes are.
    private enum Makeup
    {
        // Pages and blocks as they are: what an earlier one had may be anywhere in them.
        Whole,

        // Differences that are half of their pages at least: as good as new, but in place.
        Rewritten,

        // Words here and there: small already, and so many that a strong compressor's time would be most of all.
        Differences,
    }

    /// <summary>Where the body is written: <see cref="BatchLimits.BodyBytesMax"/> bytes.</summary>
    public Span<byte> Body => _plain.AsSpan(BatchLimits.HeaderBytes, BatchLimits.BodyBytesMax);

    /// <summary>
    /// Makes the batch out of the first <paramref name="bodyBytes"/> of <see cref="Body"/>, of which
    /// <paramref name="wholeBytes"/> are pages and blocks as they are; they stand for <paramref name="rawBytes"/> of
    /// pages and blocks. It has to be sent before another one is made.
    /// </summary>
    public ReadOnlyMemory<byte> Seal(
        BatchKind kind, int bodyBytes, long wholeBytes, long rawBytes, int entries, ulong contents,
        out ulong checksum)
    {
        Makeup makeup = wholeBytes >= bodyBytes / 2 ? Makeup.Whole
            : bodyBytes >= rawBytes / 2 ? Makeup.Rewritten
            : Makeup.Differences;
        int packedBytes = TryCompress(bodyBytes, makeup, out BatchMethod method);
        byte[] batch = method == BatchMethod.Plain ? _plain : _packed;
        int storedBytes = method == BatchMethod.Plain ? bodyBytes : packedBytes;
        var header = new BatchHeader(kind, method, entries, bodyBytes, contents);
        header.Write(batch);
        checksum = header.Checksum(hash, batch.AsSpan(BatchLimits.HeaderBytes, storedBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(batch.AsSpan(BatchHeader.ChecksumOffset), checksum);
        return batch.AsMemory(0, BatchLimits.HeaderBytes + storedBytes);
    }

    private int TryCompress(int bodyBytes, Makeup makeup, out BatchMethod method)
    {
        if (compression == BatchCompression.Auto && bodyBytes > 0)
            return CompressAsPays(ref _choices[(int)makeup], makeup, bodyBytes, out method);

        BatchMethod wanted = compression switch
        {
            BatchCompression.Lz4 => BatchMethod.Lz4,
            BatchCompression.Zstd => BatchMethod.Zstd,
            BatchCompression.Stream when bodyBytes > 0 => BatchMethod.Stream,
            _ => BatchMethod.Plain,
        };
        int packedBytes = Pack(wanted, bodyBytes, ref _packed);
        method = packedBytes > 0 ? wanted : BatchMethod.Plain;
        return packedBytes;
    }

    private int CompressAsPays(ref Choice choice, Makeup makeup, int bodyBytes, out BatchMethod method)
    {
        if (choice.Left == 0) return Choose(ref choice, makeup, bodyBytes, out method);
        choice = choice with { Left = choice.Left - 1 };
        method = choice.Method;
        int packedBytes = Pack(method, bodyBytes, ref _packed);
        bool isLearning = method == BatchMethod.Stream && codecs.History!.IsLearning;
        // Where the stream of batches has changed, no further one is packed in vain.
        if (!Pays(packedBytes, bodyBytes) && !isLearning) choice = choice with { Method = BatchMethod.Plain };
        if (packedBytes == 0) method = BatchMethod.Plain;
        return packedBytes;
    }

    private int Choose(ref Choice choice, Makeup makeup, int bodyBytes, out BatchMethod method)
    {
        int packedBytes = PackAlone(makeup, bodyBytes, out method);
        choice = new Choice(method, BatchesAsChosen);
        int streamBytes = makeup == Makeup.Whole && codecs.History is { IsOffered: true }
            ? Pack(BatchMethod.Stream, bodyBytes, ref _otherPacked)
            : 0;
        if (streamBytes == 0) return packedBytes;
        // It is in the history now, so it goes out so, even where another way has left less: some bytes of a sixteenth
        // of the batches.
        if (KeepsStream(IsQuarterLess(streamBytes, packedBytes, bodyBytes)))
            choice = new Choice(BatchMethod.Stream, BatchesAsChosen);
        (_packed, _otherPacked) = (_otherPacked, _packed);
        method = BatchMethod.Stream;
        return streamBytes;
    }

    // Zstandard takes two to three times as long as LZ4: it has to leave a quarter less.
    private int PackAlone(Makeup makeup, int bodyBytes, out BatchMethod method)
    {
        int lz4Bytes = Pack(BatchMethod.Lz4, bodyBytes, ref _packed);
        int zstdBytes = makeup == Makeup.Differences ? 0 : Pack(BatchMethod.Zstd, bodyBytes, ref _otherPacked);
        method = lz4Bytes > 0 ? BatchMethod.Lz4 : BatchMethod.Plain;
        if (!IsQuarterLess(zstdBytes, lz4Bytes, bodyBytes)) return lz4Bytes;
        (_packed, _otherPacked) = (_otherPacked, _packed);
        method = BatchMethod.Zstd;
        return zstdBytes;
    }

    // Every sixteenth batch alone fills no history in which the one after it could find much. So a history is filled
    // before it is judged, and once more after some trials in vain: the guest may do something else by then.
    private bool KeepsStream(bool pays)
    {
        BatchHistory history = codecs.History!;
        if (!pays && !history.IsLearning && ++_vainTrials >= TrialsInVain) history.LearnAgain();
        if (pays || history.IsLearning) _vainTrials = 0;
        return pays || history.IsLearning;
    }

    private static bool IsQuarterLess(int strongBytes, int lightBytes, int bodyBytes) => Pays(strongBytes, bodyBytes)
        && (lightBytes == 0 || strongBytes <= lightBytes - (lightBytes / 4));

    private static bool Pays(int packedBytes, int bodyBytes) =>
        packedBytes > 0 && packedBytes < bodyBytes - (bodyBytes / SavingDivisor);

    // Size of the body packed behind the header's room; 0: it does not pay, or there is no such compressor.
    private int Pack(BatchMethod wanted, int bodyBytes, ref byte[] into)
    {
        if (wanted == BatchMethod.Stream) return PackStream(bodyBytes, ref into);
        ICompressor? compressor = wanted switch
        {
            BatchMethod.Lz4 => codecs.Lz4,
            BatchMethod.Zstd => codecs.Zstd,
            _ => null,
        };
        int packedBytesMax = bodyBytes - (bodyBytes / SavingDivisor) - 1;
        if (compressor is null || packedBytesMax <= 0) return 0;
        MakeRoom(ref into);
        return compressor.Compress(Body[..bodyBytes], into.AsSpan(BatchLimits.HeaderBytes, packedBytesMax));
    }

    private int PackStream(int bodyBytes, ref byte[] into)
    {
        if (codecs.History is not { } history) return 0;
        MakeRoom(ref into);
        return history.Pack(Body[..bodyBytes], into.AsSpan(BatchLimits.HeaderBytes));
    }

    private static void MakeRoom(ref byte[] packed)
    {
        if (packed.Length == 0) packed = GC.AllocateUninitializedArray<byte>(BatchLimits.PayloadBytesMax);
    }

    // How batches go out, and how many more before the ways are tried again.
    private readonly record struct Choice(BatchMethod Method, int Left);
}
