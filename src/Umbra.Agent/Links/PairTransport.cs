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
        try
        {
            await socket.ConnectAsync(address, deadline.Token);
            Tune(socket);
            var tls = new PairStream(socket);
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = peer.Value,
                    ClientCertificates = [identity.Certificate],
                    EnabledSslProtocols = SslProtocols.Tls13,
                    RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                        identity.HostOf(certificate) == peer,
                },
                deadline.Token);
            return tls;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The server's side of the handshake on an accepted socket, and who the other end is.</summary>
    public async Task<(PairStream Stream, HostId Peer)> AcceptAsync(Socket socket, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(HandshakeDeadline);
        Tune(socket);
        var tls = new PairStream(socket);
        HostId? peer = null;
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificate = identity.Certificate,
                ClientCertificateRequired = true,
                EnabledSslProtocols = SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    (peer = identity.HostOf(certificate)) is not null,
            },
            deadline.Token);
        return (tls, peer!.Value);
    }

    /// <summary>Small messages at once, and a dead peer noticed by the kernel too.</summary>
    private static void Tune(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 2);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
    }
}
