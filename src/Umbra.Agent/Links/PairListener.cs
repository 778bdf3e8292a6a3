using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Agent.Links;

/// <summary>
/// Takes connections of other agents, finds out by their first message which VM they are about, and hands them to the
/// one that holds its shadow.
/// </summary>
public sealed class PairListener : IAsyncDisposable
{
    /// <summary>Connections being greeted at a time; further ones wait in the kernel.</summary>
    private const int GreetingsMax = 16;

    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(50);

    private readonly PairTransport _transport;
    private readonly PairCodec _codec;
    private readonly Action<SslStream, HostId, SourceHello> _accepted;
    private readonly ILogger _log;
    private readonly Socket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _greetings = new(GreetingsMax);
    private readonly Task _loop;

    /// <summary>Listens at <paramref name="endpoint"/> from now on.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="transport">How.</param>
    /// <param name="codec">The protocol.</param>
    /// <param name="accepted">Gets stream, peer and first message; owns the stream from then on.</param>
    /// <param name="log">For refused connections.</param>
    public PairListener(
        IPEndPoint endpoint, PairTransport transport, PairCodec codec,
        Action<SslStream, HostId, SourceHello> accepted, ILogger log)
    {
        (_transport, _codec, _accepted, _log) = (transport, codec, accepted, log);
        _socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        SocketTuning.MakeRoom(_socket);
        _socket.Bind(endpoint);
        _socket.Listen(GreetingsMax);
        _loop = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Endpoint => (IPEndPoint)_socket.LocalEndPoint!;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _socket.Dispose();
        await _loop;
        _stop.Dispose();
        _greetings.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                await _greetings.WaitAsync(_stop.Token);
                if (await TryAcceptAsync() is { } socket) _ = GreetAsync(socket);
                else _greetings.Release();
            }
        }
        catch (Exception e) when (_stop.IsCancellationRequested
            && e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The listener was closed.
        }
    }

    /// <summary>Null where a connection could not be taken: too many files are open, say.</summary>
    private async Task<Socket?> TryAcceptAsync()
    {
        try
        {
            return await _socket.AcceptAsync(_stop.Token);
        }
        catch (SocketException e) when (!_stop.IsCancellationRequested)
        {
            _log.PairRefused("a new connection", e.Message);
            await Task.Delay(AcceptPause, _stop.Token);
            return null;
        }
    }

    private async Task GreetAsync(Socket socket)
    {
        string from = socket.RemoteEndPoint?.ToString() ?? "?";
        try
        {
            (PairStream stream, HostId peer) = await _transport.AcceptAsync(socket, _stop.Token);
            SourceHello? hello = await ReadHelloAsync(stream);
            if (hello is not null) _accepted(stream, peer, hello);
            else await stream.DisposeAsync();
        }
        catch (Exception e) when (
            e is IOException or AuthenticationException or OperationCanceledException or SocketException
                or ObjectDisposedException)
        {
            _log.PairRefused(from, (e.InnerException ?? e).Message);
            socket.Dispose();
        }
        finally
        {
            if (!_stop.IsCancellationRequested) _greetings.Release();
        }
    }

    private async Task<SourceHello?> ReadHelloAsync(PairStream stream)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        deadline.CancelAfter(PairTransport.HandshakeDeadline);
        return await PairTransport.BlockingAsync(stream.Socket, () => ReadHello(stream), deadline.Token);
    }

    private SourceHello? ReadHello(PairStream stream)
    {
        byte[] bytes = new byte[PairCodec.HeaderBytes];
        stream.ReadExactly(bytes);
        FrameStatus status = PairCodec.ReadHeader(bytes, out FrameHeader header, out string error);
        if (status == FrameStatus.Ok && header.Type == PairMessageType.SourceHello)
        {
            byte[] body = new byte[header.BodyBytes];
            stream.ReadExactly(body);
            FrameOutcome outcome = _codec.Decode(header, body);
            if (outcome.Message is SourceHello hello) return hello;
            error = outcome.Error;
        }

        _log.PairRefused("first message", error.Length > 0 ? error : "it is no hello");
        return null;
    }
}
