using Umbra.Core.Basics;
using Umbra.Linux.Native;

namespace Umbra.Linux.Tests.Native;

public sealed class CompressorTests
{
    public static TheoryData<string> Names => ["lz4", "zstd"];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_was_compressed_comes_back(string name)
    {
        using Owned compressor = Make(name);
        Random random = new(1);
        foreach (int length in new[] { 1, 15, 4096, 65_537, 256 * 1024 })
        {
            byte[] source = new byte[length];
            random.NextBytes(source.AsSpan(0, length / 8));
            byte[] packed = new byte[compressor.Codec.CompressedBytesMax(length)];
            int packedBytes = compressor.Codec.Compress(source, packed);
            Assert.InRange(packedBytes, 1, packed.Length);
            byte[] unpacked = new byte[length];
            Assert.Equal(length, compressor.Codec.Decompress(packed.AsSpan(0, packedBytes), unpacked));
            Assert.Equal(source, unpacked);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Output_that_is_too_small_is_answered_by_zero_and_minus_one(string name)
    {
        using Owned compressor = Make(name);
        byte[] source = new byte[4096];
        new Random(2).NextBytes(source);
        Assert.Equal(0, compressor.Codec.Compress(source, new byte[100]));
        Assert.Equal(0, compressor.Codec.Compress(source, []));
        byte[] packed = new byte[compressor.Codec.CompressedBytesMax(source.Length)];
        int bytes = compressor.Codec.Compress(source, packed);
        Assert.Equal(-1, compressor.Codec.Decompress(packed.AsSpan(0, bytes), new byte[4095]));
        Assert.Equal(-1, compressor.Codec.Decompress(packed.AsSpan(0, bytes), []));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Garbage_never_decompresses_outside_its_bounds(string name)
    {
        using Owned compressor = Make(name);
        Random random = new(3);
        byte[] good = new byte[compressor.Codec.CompressedBytesMax(4096)];
        int goodBytes = compressor.Codec.Compress(new byte[4096], good);
        byte[] guarded = new byte[4096 + 64];
        for (int i = 0; i < 5_000; i++)
        {
            byte[] input = good[..goodBytes];
            if (i % 2 == 0) random.NextBytes(input);
            else input[random.Next(input.Length)] ^= (byte)(1 << random.Next(8));
            Array.Fill(guarded, (byte)0xEE);
            int written = compressor.Codec.Decompress(input, guarded.AsSpan(32, 4096));
            Assert.InRange(written, -1, 4096);
            Assert.Equal(-1, guarded.AsSpan(0, 32).IndexOfAnyExcept((byte)0xEE));
            Assert.Equal(-1, guarded.AsSpan(4096 + 32).IndexOfAnyExcept((byte)0xEE));
        }

        Assert.Equal(-1, compressor.Codec.Decompress([], new byte[16]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_call_allocates_nothing(string name)
    {
        using Owned compressor = Make(name);
        byte[] source = new byte[4096], packed = new byte[8192], unpacked = new byte[4096];
        int bytes = compressor.Codec.Compress(source, packed);
        _ = compressor.Codec.Decompress(packed.AsSpan(0, bytes), unpacked);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            bytes = compressor.Codec.Compress(source, packed);
            _ = compressor.Codec.Decompress(packed.AsSpan(0, bytes), unpacked);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void A_missing_library_is_named_with_its_package()
    {
        Assert.All(NativeLibraries.Needed, library => Assert.Null(NativeLibraries.Missing(library.File)));
        Assert.Contains("not installed", NativeLibraries.Missing("libnever.so.9"));
        Assert.Throws<DllNotFoundException>(() => NativeLibraries.Require("libnever.so.9"));
    }

    private static Owned Make(string name) => name == "lz4" ? new(new Lz4Compressor()) : new(new ZstdCompressor());

    private sealed record Owned(ICompressor Codec) : IDisposable
    {
        public void Dispose() => ((IDisposable)Codec).Dispose();
    }
}
