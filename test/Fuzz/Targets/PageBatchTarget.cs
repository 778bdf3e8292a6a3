using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Fuzz.Harness;
using Umbra.Linux.Native;
using Umbra.Testing;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// The page batch decoder: whatever the bytes, either every page of the batch reaches the sink, ascending and within
/// the guest, or none does. The input also serves as a script of changes to a guest: what the encoder makes of it must
/// decode to the same RAM.
/// </summary>
public sealed class PageBatchTarget : IFuzzTarget
{
    private const int PageCount = 16;
    private static readonly BatchCodecs s_codecs =
        new(new RunLengthCompressor(), new RunLengthCompressor(), new BatchHistory(new ZstdStream()));

    private readonly PageBatchDecoder _decoder = new(TestContentHash.Instance, s_codecs);
    private readonly PageBatchEncoder[] _encoders =
        [.. Enum.GetValues<BatchCompression>()
            .Select(c => new PageBatchEncoder(TestContentHash.Instance, s_codecs, c))];

    public string Name => "page-batch";

    public IReadOnlyList<byte[]> Seeds { get; } =
        [Sample(BatchCompression.None), Sample(BatchCompression.Lz4), Sample(BatchCompression.Stream)];

    public void Run(ReadOnlySpan<byte> input)
    {
        CheckDecode(input);
        CheckDecode(BatchRepair.Repair(input, TestContentHash.Instance));
        CheckRoundTrip(input);
    }

    private void CheckDecode(ReadOnlySpan<byte> batch)
    {
        var sink = new PageModel(PageCount);
        s_codecs.History!.BeginReceiving();
        BatchOutcome outcome = _decoder.Decode(batch, PageCount, sink);
        Invariant.Holds(sink.Taken.Count == (outcome.IsOk ? outcome.Entries : 0), "all pages or none");
        Invariant.Holds(outcome.IsOk || (outcome.Checksum == 0 && outcome.Entries == 0));
        for (int i = 1; i < sink.Taken.Count; i++)
            Invariant.Holds(sink.Taken[i] > sink.Taken[i - 1], "ascending pages");
    }

    // Two rounds of changes: the second has references.
    private void CheckRoundTrip(ReadOnlySpan<byte> script)
    {
        s_codecs.History!.BeginReceiving();
        s_codecs.History.BeginSending();
        var guest = new PageModel(PageCount);
        var sent = new PageModel(PageCount);
        var shadow = new PageModel(PageCount);
        PageBatchEncoder encoder = _encoders[script.Length % _encoders.Length];
        for (int round = 0; round < 2; round++)
        {
            script = Change(guest, script);
            for (int page = 0; page < PageCount; page++)
            {
                if (!encoder.TryAdd(page, guest[page], TestContentHash.Instance.Hash(guest[page]), sent[page]))
                {
                    Deliver(encoder, shadow);
                    page--;
                    continue;
                }

                guest[page].CopyTo(sent[page]);
            }

            Deliver(encoder, shadow);
            Invariant.Holds(shadow.All.SequenceEqual(guest.All), "the shadow has the guest's RAM");
        }
    }

    private void Deliver(PageBatchEncoder encoder, PageModel shadow) =>
        Invariant.Holds(
            _decoder.Decode(encoder.Finish(out _).Span, PageCount, shadow).IsOk, "our own batches are sound");

    // Half of the script: page, place, length, then bytes, over and over.
    private static ReadOnlySpan<byte> Change(PageModel guest, ReadOnlySpan<byte> script)
    {
        int end = script.Length / 2;
        for (; script.Length > end + 3; script = script[3..])
        {
            Span<byte> target = guest[script[0] % PageCount][(script[1] * 16)..];
            int length = Math.Min(Math.Min(target.Length, script[2] * 17), script.Length - 3);
            script.Slice(3, length).CopyTo(target);
            script = script[(length / 2)..];
        }

        return script;
    }

    private static byte[] Sample(BatchCompression compression)
    {
        var encoder = new PageBatchEncoder(TestContentHash.Instance, s_codecs, compression);
        s_codecs.History!.BeginSending();
        byte[] before = new byte[Sizes.Page];
        byte[] page = new byte[Sizes.Page];
        byte[] runs = new byte[Sizes.Page];
        new Random(1).NextBytes(page.AsSpan(0, 600));
        page[2000] = 1;
        runs.AsSpan().Fill(3);
        encoder.TryAdd(1, before, TestContentHash.Instance.Hash(before), default);
        encoder.TryAdd(2, page, TestContentHash.Instance.Hash(page), before);
        encoder.TryAdd(3, runs, TestContentHash.Instance.Hash(runs), default);
        encoder.TryAdd(10, runs, TestContentHash.Instance.Hash(runs), default);
        return encoder.Finish(out _).ToArray();
    }
}
