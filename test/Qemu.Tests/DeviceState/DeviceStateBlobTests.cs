using System.Buffers;
using Umbra.Linux.Native;
using Umbra.Qemu.DeviceState;
using Xunit;

namespace Umbra.Qemu.Tests.DeviceState;

public sealed class DeviceStateBlobTests
{
    private static readonly Lz4Compressor s_lz4 = new();
    private static readonly XxHash3 s_hash = new();

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(100_000)]
    public void A_blob_is_read_back_as_it_was_written(int prefixBytes)
    {
        byte[] prefix = Sample(prefixBytes);
        byte[] state = Sample(3000);
        DeviceStateBlob? read = DeviceStateBlob.Read(Written(prefix, state), s_lz4, s_hash, out _);
        Assert.NotNull(read);
        Assert.Equal(prefix, read.Prefix.ToArray());
        Assert.Equal(state, read.State.ToArray());
        Assert.Equal((0x1122334455667788u, s_hash.Hash(prefix)), (read.Fingerprint, read.PrefixHash));
    }

    /// <summary>The bytes of docs/formats/device-state.md, version 1. A change here needs a new version.</summary>
    [Fact]
    public void The_layout_is_frozen()
    {
        byte[] blob = Written([1, 2, 3], [4, 5]);
        Assert.Equal(
            "556D62726144657601000000000000008877665544332211"
                + Convert.ToHexString(BitConverter.GetBytes(s_hash.Hash([1, 2, 3])))
                + "030000000300000002000000020000000000000000000000" + Convert.ToHexString(blob.AsSpan(56, 8))
                + "0102030405",
            Convert.ToHexString(blob));
        Assert.Equal(s_hash.Hash(blob.AsSpan(64), s_hash.Hash(blob.AsSpan(0, 56))), BitConverter.ToUInt64(blob, 56));
    }

    [Fact]
    public void Every_flipped_bit_and_every_cut_is_an_error()
    {
        byte[] blob = Written(Sample(100), Sample(200));
        for (int bit = 0; bit < blob.Length * 8; bit++)
        {
            blob[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(DeviceStateBlob.Read(blob, s_lz4, s_hash, out string error));
            Assert.NotEmpty(error);
            blob[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        for (int length = 0; length < blob.Length; length++)
            Assert.Null(DeviceStateBlob.Read(blob.AsSpan(0, length), s_lz4, s_hash, out _));
    }

    private static byte[] Written(byte[] prefix, byte[] state)
    {
        var into = new ArrayBufferWriter<byte>();
        new DeviceStateBlob
        {
            Fingerprint = 0x1122334455667788,
            PrefixHash = s_hash.Hash(prefix),
            Prefix = prefix,
            State = state,
        }.WriteTo(into, s_lz4, s_hash);
        return into.WrittenSpan.ToArray();
    }

    private static byte[] Sample(int bytes) => [.. Enumerable.Range(0, bytes).Select(i => (byte)(i / 64 * 7))];
}
