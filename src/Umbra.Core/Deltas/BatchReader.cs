using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Opens batches: checks the header and its checksum and decompresses the body into a buffer of fixed size, so that no
/// batch can ask for more.
/// </summary>
internal sealed class BatchReader(IContentHash hash, BatchCodecs codecs)
{
    // Taken when the first compressed body comes.
    private byte[] _body = [];

    /// <summary>
    /// Opens <paramref name="batch"/>; an error, or null and the plain body, valid until the next one.
    /// </summary>
    public string? Open(
        ReadOnlySpan<byte> batch, BatchKind kind, int entriesMax, out BatchHeader header, out ulong checksum,
        out ReadOnlySpan<byte> body)
    {
        body = default;
        string? error = BatchHeader.Read(batch, kind, entriesMax, hash, out header, out checksum);
        if (error is not null) return error;
        ReadOnlySpan<byte> stored = batch[BatchLimits.HeaderBytes..];
        if (header.Method == BatchMethod.Plain)
        {
            body = stored;
            return stored.Length == header.BodyBytes ? null : "body of another size than stated";
        }

        if (_body.Length == 0) _body = GC.AllocateUninitializedArray<byte>(BatchLimits.BodyBytesMax);
        Span<byte> plain = _body.AsSpan(0, header.BodyBytes);
        body = plain;
        if (header.Method == BatchMethod.Stream && codecs.History is { } history) return history.Open(stored, plain);
        return Decompress(header.Method, stored, plain);
    }

    private string? Decompress(BatchMethod method, ReadOnlySpan<byte> stored, Span<byte> plain)
    {
        ICompressor? compressor = method switch
        {
            BatchMethod.Lz4 => codecs.Lz4,
            BatchMethod.Zstd => codecs.Zstd,
            _ => null,
        };
        if (compressor is null) return $"no decompressor for method {(byte)method}";
        return compressor.Decompress(stored, plain) == plain.Length ? null : "body does not decompress";
    }
}
