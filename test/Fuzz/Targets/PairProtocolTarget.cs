using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Fuzz.Harness;
using Umbra.Testing;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// The pair protocol's decoder: whatever the bytes, an outcome; and what it takes for a message is written back as the
/// same bytes. Every input is tried as it is and once more with its checksum put right, so that mutations reach the
/// fields behind it.
/// </summary>
public sealed class PairProtocolTarget : IFuzzTarget
{
    private readonly PairCodec _codec = new(TestContentHash.Instance);

    public string Name => "pair-protocol";

    public IReadOnlyList<byte[]> Seeds { get; } = [.. SamplePairMessages.All.Select(Encode)];

    public void Run(ReadOnlySpan<byte> input)
    {
        byte[] bytes = input.ToArray();
        Check(bytes);
        if (PairCodec.ReadHeader(bytes, out FrameHeader header, out _) != FrameStatus.Ok) return;
        int bodyBytes = Math.Min(header.BodyBytes, bytes.Length - PairCodec.HeaderBytes);
        byte[] repaired = bytes[..(PairCodec.HeaderBytes + bodyBytes)];
        BitConverter.TryWriteBytes(repaired.AsSpan(4), (uint)bodyBytes);
        ulong checksum = TestContentHash.Instance.Hash(
            repaired.AsSpan(PairCodec.HeaderBytes), BitConverter.ToUInt64(repaired));
        BitConverter.TryWriteBytes(repaired.AsSpan(8), checksum);
        Check(repaired);
    }

    private void Check(byte[] bytes)
    {
        FrameOutcome outcome = _codec.Decode(bytes);
        Invariant.Holds(outcome.Status == FrameStatus.Ok == outcome.Message is not null);
        Invariant.Holds(outcome.Status is FrameStatus.Ok or FrameStatus.NeedMore == (outcome.Error.Length == 0));
        if (outcome.Message is null) return;
        byte[] again = new byte[PairCodec.EncodedBytesMax(outcome.Message)];
        int written = _codec.Encode(outcome.Message, again);
        Invariant.Holds(
            again.AsSpan(0, written).SequenceEqual(bytes.AsSpan(0, outcome.Consumed)), "written back the same");
    }

    private static byte[] Encode(PairMessage message)
    {
        byte[] frame = new byte[PairCodec.EncodedBytesMax(message)];
        return frame[..new PairCodec(TestContentHash.Instance).Encode(message, frame)];
    }
}
