using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Agent.Links;

/// <summary>
/// How agents reach each other: TCP, TLS 1.3, both ends named by certificates of the fleet's authority.
/// </summary>
/// <remarks>
/// Nothing here, and nothing that uses the streams, may be asynchronous: the runtime makes a socket non-blocking for
/// good with its first asynchronous call, and from then on each read of a connection's thread that has to wait spins
/// first and then goes round by the thread of epoll, for every few packets.
/// </remarks>
public sealed class PairTransport(HostIdentity identity)
{
    /// <summary>Connecting and the handshake together may take this long.</summary>
    public static readonly TimeSpan HandshakeDeadline = TimeSpan.FromSeconds(5);

    /// <summary>Connects to <paramref name="peer"/>; fails with a text when it is away or somebody else.</summary>
    public async Task<PairStream> ConnectAsync(HostId peer, string endpoint, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(HandshakeDeadline);
        IPEndPoint address = IPEndPoint.Parse(endpoint);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        SocketTuning.Apply(socket);
        SocketTuning.MakeRoom(socket);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = peer.Value,
            ClientCertificates = [identity.Certificate],
            EnabledSslProtocols = SslProtocols.Tls13,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => identity.HostOf(certificate) == peer,
        };
        return await BlockingAsync(
            socket,
            () =>
            {
                socket.Connect(address);
                var tls = new PairStream(socket);
                tls.AuthenticateAsClient(options);
                return tls;
            },
            deadline.Token);
    }

    /// <summary>The server's side of the handshake on an accepted socket, and who the other end is.</summary>
    public async Task<(PairStream Stream, HostId Peer)> AcceptAsync(Socket socket, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(HandshakeDeadline);
        HostId? peer = null;
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificate = identity.Certificate,
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                (peer = identity.HostOf(certificate)) is not null,
        };
        PairStream stream = await BlockingAsync(
            socket,
            () =>
            {
                SocketTuning.Apply(socket);
                var tls = new PairStream(socket);
                tls.AuthenticateAsServer(options);
                return tls;
            },
            deadline.Token);
        return (stream, peer!.Value);
    }

    /// <summary>
    /// Runs <paramref name="work"/>, which blocks on <paramref name="socket"/>, on a thread of its own. The socket is
    /// closed, which ends that, when <paramref name="stop"/> says so or the work fails.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    internal static async Task<T> BlockingAsync<T>(Socket socket, Func<T> work, CancellationToken stop)
    {
        await using CancellationTokenRegistration closing = stop.Register(socket.Dispose);
        try
        {
            T result = await Task.Factory.StartNew(
                work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            stop.ThrowIfCancellationRequested();
            return result;
        }
        catch (Exception e) when (e is not OperationCanceledException && stop.IsCancellationRequested)
        {
            throw new OperationCanceledException("stopped, or not done in time", e, stop);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
