using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Fuzz.Harness;
using Umbra.Testing;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// The block batch decoder: whatever the bytes, either every operation reaches the disks, within them, or none does.
/// The input also serves as a script of disk operations: logged, put into batches and decoded they must give the same
/// disks.
/// </summary>
public sealed class BlockBatchTarget : IFuzzTarget
{
    private const int DiskBytes = 64 * 1024;
    private static readonly BatchCodecs s_codecs =
        new(new RunLengthCompressor(), null, new BatchHistory(new RememberingCompressor()));

    private static readonly byte[][] s_pages = [new byte[Sizes.Page], [.. Enumerable.Repeat((byte)7, Sizes.Page)]];
    private readonly BlockBatchDecoder _decoder = new(TestContentHash.Instance, s_codecs);
    private readonly BlockBatchEncoder[] _encoders =
    [
        new(TestContentHash.Instance, s_codecs, BatchCompression.Lz4),
        new(TestContentHash.Instance, s_codecs, BatchCompression.Stream),
    ];

    private BlockBatchEncoder _encoder;

    public BlockBatchTarget() => _encoder = _encoders[0];

    public string Name => "block-batch";

    public IReadOnlyList<byte[]> Seeds { get; } =
        [Sample(BatchCompression.None), Sample(BatchCompression.Lz4), Sample(BatchCompression.Stream)];

    public void Run(ReadOnlySpan<byte> input)
    {
        CheckDecode(input);
        CheckDecode(BatchRepair.Repair(input, TestContentHash.Instance));
        CheckDecode(BatchRepair.RepairContents(input, TestContentHash.Instance));
        CheckRoundTrip(input);
    }

    // The disk model has arrays: an operation outside of them throws.
    private void CheckDecode(ReadOnlySpan<byte> batch)
    {
        var disks = new DiskModel(DiskBytes, 512) { Pages = s_pages };
        s_codecs.History!.BeginReceiving();
        BatchOutcome outcome = _decoder.Decode(batch, disks.Geometry, disks.PageCount, disks);
        Invariant.Holds(disks.Operations == (outcome.IsOk ? outcome.Entries : 0), "all operations or none");
    }

    private void CheckRoundTrip(ReadOnlySpan<byte> script)
    {
        s_codecs.History!.BeginReceiving();
        s_codecs.History.BeginSending();
        _encoder = _encoders[script.Length % _encoders.Length];
        var guest = new DiskModel(DiskBytes, DiskBytes);
        var shadow = new DiskModel(DiskBytes, DiskBytes) { Pages = s_pages };
        var log = new BlockLog(256 * 1024);
        byte[] data = new byte[8 * BatchLimits.Sector];
        for (; script.Length >= 3 && !log.Overflowed; script = script[3..])
        {
            int disk = script[0] & 1;
            int offset = script[1] % 120 * BatchLimits.Sector;
            int length = (1 + (script[2] & 7)) * BatchLimits.Sector;
            data.AsSpan().Fill(script[2]);
            bool logged = (script[0] & 6) == 0
                ? log.TryZero(disk, offset, length)
                : log.TryWrite(disk, offset, data.AsSpan(0, length));
            if (!logged) break;
            if ((script[0] & 6) == 0) guest.Zero(disk, offset, length);
            else guest.Write(disk, offset, data.AsSpan(0, length));
            if ((script[0] & 0xF8) == 0xF8) Ship(log, shadow);
            if ((script[0] & 0xF8) == 0xF0) ShipPage(log, shadow, guest, disk, offset, script[2] & 1);
        }

        if (log.Overflowed) return;
        Ship(log, shadow);
        Invariant.Holds(guest[0].SequenceEqual(shadow[0]) && guest[1].SequenceEqual(shadow[1]), "same disks");
        Invariant.Holds(log.Bytes == 0, "an empty log holds nothing");
    }

    private void Ship(BlockLog log, DiskModel shadow)
    {
        long end = log.Cut();
        for (long number = log.First; number < end; number++)
        {
            Invariant.Holds(log.TryPeek(number, out DiskOperation operation, out ReadOnlySpan<byte> data));
            for (long done = 0; (done += _encoder.Add(operation, data, done)) < operation.Length;) Deliver(shadow);
        }

        Deliver(shadow);
        log.Release(end);
    }

    // All that was logged before goes first: what a page has is no part of the log.
    private void ShipPage(BlockLog log, DiskModel shadow, DiskModel guest, int disk, int offset, int page)
    {
        if (offset + Sizes.Page > DiskBytes) return;
        Ship(log, shadow);
        Invariant.Holds(_encoder.TryAddPage(disk, offset, page, TestContentHash.Instance.Hash(s_pages[page])));
        guest.Write(disk, offset, s_pages[page]);
        Deliver(shadow);
    }

    private void Deliver(DiskModel shadow)
    {
        ReadOnlyMemory<byte> batch = _encoder.Finish(out _);
        Invariant.Holds(
            _decoder.Decode(batch.Span, shadow.Geometry, shadow.PageCount, shadow).IsOk, "our own batches are sound");
    }

    private static byte[] Sample(BatchCompression compression)
    {
        var encoder = new BlockBatchEncoder(TestContentHash.Instance, s_codecs, compression);
        s_codecs.History!.BeginSending();
        byte[] data = new byte[2 * BatchLimits.Sector];
        data.AsSpan(100).Fill(5);
        encoder.Add(new DiskOperation(DiskOperationKind.Write, 0, 4096, data.Length), data, 0);
        encoder.Add(new DiskOperation(DiskOperationKind.Zero, 0, 0, DiskBytes), default, 0);
        encoder.Add(new DiskOperation(DiskOperationKind.Write, 1, 0, BatchLimits.Sector), data, 0);
        encoder.TryAddPage(0, 8192, 1, TestContentHash.Instance.Hash(s_pages[1]));
        return encoder.Finish(out _).ToArray();
    }
}
