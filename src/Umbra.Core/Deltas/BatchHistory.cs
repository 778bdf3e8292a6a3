using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// The batches of one connection that are compressed against those before them, pages and blocks alike: what was sent
/// as a page is found again in a block. Each carries its number, so that none is left out, repeated or taken from
/// another connection unnoticed. Both sides begin anew with each hello. Not thread-safe; one for each VM and side.
/// </summary>
public sealed class BatchHistory(IStreamCompressor compressor)
{
    /// <summary>Bytes of the number before what the compressor made.</summary>
    internal const int HeadBytes = 8;

    private ulong _nextToSend;
    private ulong _nextToCome;
    private long _judgedFrom;
    private bool _sendingFailed;
    private string _trouble = "";

    /// <summary>What each side remembers at most, bytes before compression.</summary>
    public int HistoryBytes => compressor.HistoryBytes;

    /// <summary>Bytes that were compressed since the last beginning.</summary>
    public long SentBytes { get; private set; }

    /// <summary>
    /// Whether batches may be compressed so where that pays: not while a shadow gets a copy in full. All of its pages
    /// are new, so that Zstandard alone leaves about as much in less time.
    /// </summary>
    public bool IsOffered { get; private set; }

    /// <summary>
    /// Whether too little was sent since the history was offered to say what it will save: it is not full yet.
    /// </summary>
    internal bool IsLearning => IsOffered && SentBytes < _judgedFrom;

    /// <summary>From here on the other side has seen nothing.</summary>
    public void BeginSending()
    {
        _nextToSend = 0;
        _sendingFailed = false;
        SentBytes = 0;
        IsOffered = false;
    }

    /// <summary>From here on what is sent may well have been sent before in another place.</summary>
    public void Offer()
    {
        IsOffered = true;
        LearnAgain();
    }

    /// <summary>The history is filled once more before it is judged.</summary>
    internal void LearnAgain() => _judgedFrom = SentBytes + HistoryBytes;

    /// <summary>From here on nothing has come of the other side.</summary>
    public void BeginReceiving()
    {
        _nextToCome = 0;
        _trouble = "";
    }

    /// <summary>
    /// Compresses the body of a batch, which has to be sent so, before any other; bytes written, 0 when there is no
    /// history to be had on this connection any more.
    /// </summary>
    internal int Pack(ReadOnlySpan<byte> body, Span<byte> into)
    {
        if (_sendingFailed || into.Length < HeadBytes + compressor.CompressedBytesMax(body.Length)) return 0;
        if (_nextToSend == 0) compressor.BeginCompressing();
        int bytes = compressor.Compress(body, into[HeadBytes..]);
        // Nothing of it is sent, but it may be in the compressor's history: the other side must not be asked to know.
        _sendingFailed = bytes <= 0;
        if (_sendingFailed) return 0;
        BinaryPrimitives.WriteUInt64LittleEndian(into, _nextToSend++);
        SentBytes += body.Length;
        return HeadBytes + bytes;
    }

    /// <summary>
    /// Decompresses the next batch's body, which fills <paramref name="plain"/>; an error, or null. After an error each
    /// further one is refused until <see cref="BeginReceiving"/>.
    /// </summary>
    internal string? Open(ReadOnlySpan<byte> stored, Span<byte> plain)
    {
        if (_trouble.Length > 0) return "follows a batch of the stream that could not be taken: " + _trouble;
        string? error = TryOpen(stored, plain);
        _trouble = error ?? "";
        return error;
    }

    private string? TryOpen(ReadOnlySpan<byte> stored, Span<byte> plain)
    {
        if (stored.Length <= HeadBytes) return "body of the stream is too short";
        ulong number = BinaryPrimitives.ReadUInt64LittleEndian(stored);
        if (number != _nextToCome) return $"number {number} of the stream came instead of {_nextToCome}";
        if (number == 0) compressor.BeginDecompressing();
        if (compressor.Decompress(stored[HeadBytes..], plain) != plain.Length)
            return "body does not decompress as a part of the stream";
        _nextToCome++;
        return null;
    }
}
