using Umbra.Core.Basics;

namespace Umbra.Testing;

/// <summary>
/// A managed compressor with history for tests. Each piece begins with a mark of all pieces before it, so that one that
/// comes to another history is refused, as a real one may or may not do. A piece like the one before is that mark
/// alone, another one is coded by runs, or stored where that is longer.
/// </summary>
public sealed class RememberingCompressor : IStreamCompressor
{
    private const int HeadBytes = 9;

    private readonly RunLengthCompressor _runs = new();
    private readonly Side _compressing = new();
    private readonly Side _decompressing = new();

    private enum Form : byte
    {
        Stored,

        Runs,

        AsBefore,
    }

    /// <inheritdoc/>
    public int HistoryBytes { get; init; } = 1024 * 1024;

    /// <inheritdoc/>
    public int CompressedBytesMax(int sourceBytes) => sourceBytes + HeadBytes;

    /// <inheritdoc/>
    public void BeginCompressing() => _compressing.Begin();

    /// <inheritdoc/>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (destination.Length < CompressedBytesMax(source.Length)) return 0;
        BitConverter.TryWriteBytes(destination, _compressing.Mark);
        Span<byte> rest = destination[HeadBytes..];
        int bytes = 0;
        Form form = _compressing.Last.SequenceEqual(source) ? Form.AsBefore : Form.Runs;
        if (form == Form.Runs) bytes = _runs.Compress(source, rest[..source.Length]);
        if (form == Form.Runs && bytes == 0)
        {
            form = Form.Stored;
            source.CopyTo(rest);
            bytes = source.Length;
        }

        destination[HeadBytes - 1] = (byte)form;
        _compressing.Add(source);
        return HeadBytes + bytes;
    }

    /// <inheritdoc/>
    public void BeginDecompressing() => _decompressing.Begin();

    /// <inheritdoc/>
    public int Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (source.Length < HeadBytes || BitConverter.ToUInt64(source) != _decompressing.Mark) return -1;
        ReadOnlySpan<byte> rest = source[HeadBytes..];
        var form = (Form)source[HeadBytes - 1];
        bool fits = form switch
        {
            Form.Stored => rest.TryCopyTo(destination) && rest.Length == destination.Length,
            Form.Runs => _runs.Decompress(rest, destination) == destination.Length,
            Form.AsBefore => _decompressing.Last.TryCopyTo(destination)
                && _decompressing.Last.Length == destination.Length && rest.IsEmpty,
            _ => false,
        };
        if (!fits) return -1;
        _decompressing.Add(destination);
        return destination.Length;
    }

    private sealed class Side
    {
        private byte[] _last = [];
        private int _lastBytes;

        public ulong Mark { get; private set; }

        public ReadOnlySpan<byte> Last => _last.AsSpan(0, _lastBytes);

        public void Begin()
        {
            Mark = 0;
            _lastBytes = 0;
        }

        public void Add(ReadOnlySpan<byte> piece)
        {
            Mark = TestContentHash.Instance.Hash(piece, Mark);
            if (_last.Length < piece.Length) _last = new byte[piece.Length * 2];
            piece.CopyTo(_last);
            _lastBytes = piece.Length;
        }
    }
}
