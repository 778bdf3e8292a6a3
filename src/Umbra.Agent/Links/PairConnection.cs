using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Linux.Network;

namespace Umbra.Agent.Links;

/// <summary>
/// One authenticated connection of a pair. A thread reads frames and posts them to the owner's mailbox; another writes
/// what <see cref="Send"/> has serialised. Memory is bounded both ways: when the owner does not keep up, nothing is
/// read
/// and TCP holds the other side back; when the network does not, <see cref="HasRoom"/> is false.
/// </summary>
public sealed class PairConnection : IPairLink, IDisposable
{
    /// <summary>Above this many unsent bytes there is no room for bulk.</summary>
    public const int UnsentBytesRoom = 4 * Sizes.MiB;

    /// <summary>Frames read but not yet handled, at most.</summary>
    private const int FramesUnhandledMax = 32;

    /// <summary>Bytes handed to the network at once: a TLS record is 16 KiB, a system call should carry many.</summary>
    private const int ChunkBytes = 1 * Sizes.MiB;

    /// <summary>Chunks kept for reuse.</summary>
    private const int ChunksKept = 8;

    private readonly Stream _stream;
    private readonly PairCodec _codec;
    private readonly Mailbox _owner;
    private readonly SemaphoreSlim _unhandled = new(FramesUnhandledMax);
    private readonly Lock _lock = new();
    private readonly Queue<Chunk> _full = new();
    private readonly Stack<Chunk> _free = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly ManualResetEventSlim _nothingUnsent = new(true);
    private Chunk _filling = new();
    private long _unsent;
    private bool _waitsForRoom;
    private string? _closed;

    /// <summary>Takes over <paramref name="stream"/>; nothing is read before <see cref="Start"/>.</summary>
    /// <param name="stream">Authenticated and encrypted stream.</param>
    /// <param name="peer">Host at the other end, as its certificate says.</param>
    /// <param name="codec">The protocol.</param>
    /// <param name="owner">
    /// Gets <see cref="ReceivedFrame"/>, <see cref="ConnectionClosed"/> and <see cref="RoomAvailable"/>.
    /// </param>
    public PairConnection(Stream stream, HostId peer, PairCodec codec, Mailbox owner)
    {
        (_stream, Peer, _codec, _owner) = (stream, peer, codec, owner);
    }

    /// <summary>Host at the other end.</summary>
    public HostId Peer { get; }

    /// <inheritdoc/>
    public bool HasRoom
    {
        get
        {
            lock (_lock)
            {
                _waitsForRoom = _unsent >= UnsentBytesRoom;
                return !_waitsForRoom && _closed is null;
            }
        }
    }

    /// <summary>This end's address; null when it is no TCP connection, or closed.</summary>
    public IPAddress? LocalAddress => Ask(static socket => (socket.LocalEndPoint as IPEndPoint)?.Address);

    /// <summary>The connection as the kernel sees it; null when it is no TCP connection, or closed.</summary>
    public TcpInfo? TcpInfo() => Ask(static socket =>
    {
        Span<byte> option = stackalloc byte[Linux.Network.TcpInfo.OptionBytes];
        int length = socket.GetRawSocketOption(
            Linux.Network.TcpInfo.OptionLevel, Linux.Network.TcpInfo.OptionName, option);
        return Linux.Network.TcpInfo.Parse(option[..length]);
    });

    /// <summary>Begins to read and write.</summary>
    public void Start()
    {
        new Thread(Read) { IsBackground = true, Name = "pair read " + Peer }.Start();
        new Thread(Write) { IsBackground = true, Name = "pair write " + Peer }.Start();
    }

    /// <inheritdoc/>
    public void Send(PairMessage message)
    {
        lock (_lock)
        {
            if (_closed is not null) return;
            if (_filling.Bytes.Length - _filling.Used < PairCodec.EncodedBytesMax(message)) Rotate();
            int length = _codec.Encode(message, _filling.Bytes.AsSpan(_filling.Used));
            _filling.Used += length;
            _unsent += length;
            _nothingUnsent.Reset();
        }

        _wake.Set();
    }

    /// <summary>Waits, at most <paramref name="wait"/>, until all that was sent is with the network.</summary>
    public void Drain(TimeSpan wait) => _nothingUnsent.Wait(wait);

    /// <summary>Ends the connection; the owner is told once, by <see cref="ConnectionClosed"/>.</summary>
    public void Close(string reason)
    {
        lock (_lock)
        {
            if (_closed is not null) return;
            _closed = reason;
            _nothingUnsent.Set();
        }

        _wake.Set();
        _stream.Dispose();
        _owner.Post(new ConnectionClosed(this, reason));
    }

    /// <inheritdoc/>
    public void Dispose() => Close("closed by us");

    /// <summary>A frame that was handed out is handled.</summary>
    internal void Handled() => _unhandled.Release();

    private T? Ask<T>(Func<Socket, T?> question)
    {
        try
        {
            return _stream is PairStream { Socket: { } socket } ? question(socket) : default;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return default; // closed meanwhile
        }
    }

    private void Read()
    {
        byte[] header = new byte[PairCodec.HeaderBytes];
        try
        {
            while (_closed is null)
            {
                _stream.ReadExactly(header);
                FrameStatus status = PairCodec.ReadHeader(header, out FrameHeader frame, out string error);
                if (status != FrameStatus.Ok)
                {
                    Close(error);
                    return;
                }

                _unhandled.Wait();
                byte[] body = ArrayPool<byte>.Shared.Rent(frame.BodyBytes);
                _stream.ReadExactly(body, 0, frame.BodyBytes);
                _owner.Post(new ReceivedFrame(this, _codec, frame, body));
            }
        }
        catch (Exception e) when (
            e is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            Close(e is EndOfStreamException ? "the other side closed the connection" : (e.InnerException ?? e).Message);
        }
    }

    private void Write()
    {
        try
        {
            while (_closed is null)
            {
                Chunk? chunk = TakeChunk();
                if (chunk is null)
                {
                    _wake.WaitOne();
                    continue;
                }

                _stream.Write(chunk.Bytes, 0, chunk.Used);
                if (Recycle(chunk)) _owner.Post(RoomAvailable.Instance);
            }
        }
        catch (Exception e) when (
            e is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            Close((e.InnerException ?? e).Message);
        }
    }

    /// <summary>The oldest chunk with something in it.</summary>
    private Chunk? TakeChunk()
    {
        lock (_lock)
        {
            if (_full.TryDequeue(out Chunk? chunk)) return chunk;
            if (_filling.Used == 0) return null;
            chunk = _filling;
            _filling = _free.TryPop(out Chunk? empty) ? empty : new Chunk();
            return chunk;
        }
    }

    /// <summary>Whether the owner waits for room, and there is some now.</summary>
    private bool Recycle(Chunk chunk)
    {
        lock (_lock)
        {
            _unsent -= chunk.Used;
            if (_unsent == 0) _nothingUnsent.Set();
            chunk.Used = 0;
            if (_free.Count < ChunksKept) _free.Push(chunk);
            bool tell = _waitsForRoom && _unsent < UnsentBytesRoom / 2;
            if (tell) _waitsForRoom = false;
            return tell;
        }
    }

    private void Rotate()
    {
        _full.Enqueue(_filling);
        _filling = _free.TryPop(out Chunk? empty) ? empty : new Chunk();
    }

    private sealed class Chunk
    {
        public byte[] Bytes { get; } = GC.AllocateUninitializedArray<byte>(ChunkBytes);

        public int Used { get; set; }
    }
}

/// <summary>
/// A frame as it came from the network. Decode it on the owner's thread, handle the message, dispose it.
/// </summary>
public sealed class ReceivedFrame(PairConnection connection, PairCodec codec, FrameHeader header, byte[] body)
    : IDisposable
{
    /// <summary>Where it came from.</summary>
    public PairConnection Connection => connection;

    /// <summary>Kind of message, as its header says.</summary>
    public PairMessageType Type => header.Type;

    /// <summary>Checks and reads the message; its payloads live until <see cref="Dispose"/>.</summary>
    public FrameOutcome Decode() => codec.Decode(header, body.AsMemory(0, header.BodyBytes));

    /// <summary>Gives the memory back and lets the connection read on.</summary>
    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(body);
        connection.Handled();
    }
}

/// <summary>The connection has ended.</summary>
public sealed record ConnectionClosed(PairConnection Connection, string Reason);

/// <summary>The output buffer has room again.</summary>
public sealed record RoomAvailable
{
    /// <summary>The one instance.</summary>
    public static RoomAvailable Instance { get; } = new();
}
