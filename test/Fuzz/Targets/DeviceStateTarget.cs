using System.Buffers;
using System.Text;
using Umbra.Core.Basics;
using Umbra.Fuzz.Harness;
using Umbra.Linux.Native;
using Umbra.Qemu.DeviceState;
using Umbra.Testing;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// What QEMU wrote and what a primary sent: whatever the bytes, sections that lie within them one after the other, and
/// a blob or an error.
/// </summary>
public sealed class DeviceStateTarget : IFuzzTarget
{
    private static readonly Lz4Compressor s_lz4 = new();

    public string Name => "device-state";

    public IReadOnlyList<byte[]> Seeds { get; } = MakeSeeds();

    public void Run(ReadOnlySpan<byte> input)
    {
        IReadOnlyList<StateSection>? sections = SectionStream.Parse(input, out string error);
        Invariant.Holds(sections is null == error.Length > 0);
        int end = SectionStream.HeaderBytes;
        foreach (StateSection section in sections ?? [])
        {
            Invariant.Holds(
                section.Offset > end && section.Length >= 0 && section.Offset + section.Length <= input.Length);
            end = section.Offset + section.Length;
        }

        Invariant.Holds(SectionStream.FirstSectionHeader(input).Length <= input.Length);
        CheckBlob(input);
        if (input.Length < DeviceStateBlob.HeaderBytes) return;
        byte[] repaired = input.ToArray();
        ulong checksum = TestContentHash.Instance.Hash(
            repaired.AsSpan(DeviceStateBlob.HeaderBytes), TestContentHash.Instance.Hash(repaired.AsSpan(0, 56)));
        BitConverter.TryWriteBytes(repaired.AsSpan(56), checksum);
        CheckBlob(repaired);
    }

    private void CheckBlob(ReadOnlySpan<byte> bytes)
    {
        DeviceStateBlob? blob = DeviceStateBlob.Read(bytes, s_lz4, TestContentHash.Instance, out string error);
        Invariant.Holds(blob is null == error.Length > 0);
    }

    private static byte[][] MakeSeeds()
    {
        byte[] section = [4, 0, 0, 0, 9, 5, .. "timer"u8, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3, 0x7e, 0, 0, 0, 9];
        byte[] stream = [.. Encoding.ASCII.GetBytes("QEVM\0\0\0\u0003"), .. section, .. section, 0];
        var blob = new ArrayBufferWriter<byte>();
        new DeviceStateBlob
        {
            Fingerprint = 1,
            PrefixHash = TestContentHash.Instance.Hash(new byte[200]),
            Prefix = new byte[200],
            State = stream,
        }.WriteTo(blob, s_lz4, TestContentHash.Instance);
        return [stream, blob.WrittenSpan.ToArray()];
    }
}
