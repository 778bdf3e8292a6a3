using System.Net.Sockets;
using Umbra.Core.Basics;

namespace Umbra.Agent.Links;

/// <summary>
/// Between TLS and the socket. TLS writes and reads records of 16 KiB one by one, and each would cost a system call at
/// both ends: here those of a synchronous write are gathered until they are flushed, and what the socket has is read
/// ahead. Asynchronous writes, which only the handshake's like make, go out at once.
/// </summary>
internal sealed class RecordStream(Socket socket) : Stream
{
    /// <summary>Bytes gathered, and bytes read ahead, at most.</summary>
    public const int BufferBytes = 256 * Sizes.KiB;

    private readonly NetworkStream _network = new(socket, ownsSocket: true);
    private readonly byte[] _gathered = GC.AllocateUninitializedArray<byte>(BufferBytes);
    private readonly byte[] _ahead = GC.AllocateUninitializedArray<byte>(BufferBytes);

    // TLS may answer a record of the other side from the thread that reads.
    private readonly Lock _writing = new();
    private int _gatheredBytes;
    private int _aheadStart;
    private int _aheadEnd;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        if (_aheadStart == _aheadEnd)
        {
            _aheadStart = _aheadEnd = 0;
            _aheadEnd = _network.Read(_ahead);
        }

        return TakeAhead(buffer);
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_aheadStart == _aheadEnd)
        {
            _aheadStart = _aheadEnd = 0;
            _aheadEnd = await _network.ReadAsync(_ahead, cancellationToken);
        }

        return TakeAhead(buffer.Span);
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (_writing)
        {
            if (buffer.Length > BufferBytes - _gatheredBytes) Send();
            if (buffer.Length > BufferBytes)
            {
                _network.Write(buffer);
                return;
            }

            buffer.CopyTo(_gathered.AsSpan(_gatheredBytes));
            _gatheredBytes += buffer.Length;
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Flush();
        return _network.WriteAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Flush()
    {
        lock (_writing) Send();
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        Flush();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _network.Dispose();
        base.Dispose(disposing);
    }

    private int TakeAhead(Span<byte> buffer)
    {
        int count = Math.Min(buffer.Length, _aheadEnd - _aheadStart);
        _ahead.AsSpan(_aheadStart, count).CopyTo(buffer);
        _aheadStart += count;
        return count;
    }

    private void Send()
    {
        if (_gatheredBytes == 0) return;
        int count = _gatheredBytes;
        // Also where that fails: the connection is of no use any more.
        _gatheredBytes = 0;
        _network.Write(_gathered, 0, count);
    }
}
