using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>What a batch holds. The numbers are on the wire and in staged files.</summary>
internal enum BatchKind : byte
{
    /// <summary>Guest pages.</summary>
    Pages = 0x50,

    /// <summary>Disk operations.</summary>
    Blocks = 0x42,
}

/// <summary>How the body of a batch is stored. The numbers are on the wire and in staged files.</summary>
internal enum BatchMethod : byte
{
    /// <summary>As it is.</summary>
    Plain = 0,

    /// <summary>One LZ4 block.</summary>
    Lz4 = 1,

    /// <summary>One Zstandard frame.</summary>
    Zstd = 2,

    /// <summary>A number, then the next part of the connection's one Zstandard frame.</summary>
    Stream = 3,
}

/// <summary>The first 28 bytes of every batch.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="Method">How the body is stored.</param>
/// <param name="Entries">Pages or operations in it.</param>
/// <param name="BodyBytes">Size of the body before compression.</param>
/// <param name="Contents">Checksum of what the body stands for, which the decoder computes on its own.</param>
internal readonly record struct BatchHeader(
    BatchKind Kind, BatchMethod Method, int Entries, int BodyBytes, ulong Contents)
{
    /// <summary>Where the checksum is.</summary>
    public const int ChecksumOffset = 20;

    private static byte VersionOf(BatchKind kind) =>
        kind == BatchKind.Blocks ? BatchLimits.BlocksVersion : BatchLimits.PagesVersion;

    /// <summary>Writes all but the checksum.</summary>
    public void Write(Span<byte> batch)
    {
        var to = new SpanWriter(batch[..ChecksumOffset]);
        to.Byte((byte)Kind);
        to.Byte(VersionOf(Kind));
        to.Byte((byte)Method);
        to.Byte(0);
        to.UInt32((uint)Entries);
        to.UInt32((uint)BodyBytes);
        to.UInt64(Contents);
    }

    /// <summary>Checksum over the header and the body as stored.</summary>
    public ulong Checksum(IContentHash hash, ReadOnlySpan<byte> stored)
    {
        Span<byte> header = stackalloc byte[ChecksumOffset];
        Write(header);
        return hash.Hash(stored, hash.Hash(header));
    }

    /// <summary>Reads and checks everything about <paramref name="batch"/> but its body; an error, or null.</summary>
    public static string? Read(
        ReadOnlySpan<byte> batch, BatchKind kind, int entriesMax, IContentHash hash, out BatchHeader header,
        out ulong checksum)
    {
        var from = new SpanReader(batch);
        var foundKind = (BatchKind)from.Byte();
        byte version = from.Byte();
        var method = (BatchMethod)from.Byte();
        byte reserved = from.Byte();
        uint entries = from.UInt32();
        uint bodyBytes = from.UInt32();
        ulong contents = from.UInt64();
        checksum = from.UInt64();
        header = new BatchHeader(foundKind, method, (int)entries, (int)bodyBytes, contents);
        if (from.Failed) return "shorter than a batch header";
        if (foundKind != kind || reserved != 0) return "not a batch of this kind";
        if (version != VersionOf(kind)) return $"batch of format version {version}";
        if (entries > entriesMax || bodyBytes > BatchLimits.BodyBytesMax || from.Left > BatchLimits.StoredBytesMax)
            return $"batch of {entries} entries in {bodyBytes} bytes";
        return checksum == header.Checksum(hash, batch[BatchLimits.HeaderBytes..])
            ? null
            : "checksum of the batch is wrong";
    }
}
