using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using Umbra.Agent.Links;
using Umbra.Controller.Security;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Linux.Native;
using Xunit;

namespace Umbra.System.Tests.Links;

/// <summary>Who gets through to an agent's pair listener, and whom a connecting agent believes.</summary>
public sealed class PairTrustTests : IAsyncDisposable
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");

    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-trust-").FullName;
    private readonly FleetAuthority _fleet;
    private readonly TaskCompletionSource<HostId> _accepted = new();
    private readonly PairListener _listener;

    public PairTrustTests()
    {
        _fleet = FleetAuthority.LoadOrCreate(Make("fleet"), TimeProvider.System);
        _listener = new PairListener(
            new IPEndPoint(IPAddress.Loopback, 0), new PairTransport(Identity(_fleet, B)), new PairCodec(new XxHash3()),
            (stream, peer, _) =>
            {
                stream.Dispose();
                _accepted.TrySetResult(peer);
            },
            NullLogger.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        _fleet.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_host_of_the_fleet_gets_through_under_its_own_name()
    {
        await using SslStream stream = await new PairTransport(Identity(_fleet, A)).ConnectAsync(
            B, _listener.Endpoint.ToString(), TestContext.Current.CancellationToken);
        await SayHelloAsync(stream);
        Assert.Equal(A, await _accepted.Task.WaitAsync(
            PairTransport.HandshakeDeadline, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_host_of_another_fleet_is_refused()
    {
        using FleetAuthority other = FleetAuthority.LoadOrCreate(Make("other"), TimeProvider.System);
        await IsRefusedAsync(Issued(other, new FleetIdentity(FleetRole.Host, "a")));
    }

    [Theory]
    [InlineData(FleetRole.Controller)]
    [InlineData(FleetRole.Admin)]
    public async Task Who_is_of_the_fleet_but_no_host_is_refused(FleetRole role) =>
        await IsRefusedAsync(Issued(_fleet, new FleetIdentity(role, "a")));

    [Fact]
    public async Task Who_shows_no_certificate_is_refused() => await IsRefusedAsync(null);

    [Fact]
    public async Task A_listener_that_is_another_host_than_the_one_meant_is_not_believed()
    {
        var transport = new PairTransport(Identity(_fleet, A));
        await Assert.ThrowsAsync<AuthenticationException>(() => transport.ConnectAsync(
            new HostId("c"), _listener.Endpoint.ToString(), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_listener_of_another_fleet_is_not_believed()
    {
        using FleetAuthority other = FleetAuthority.LoadOrCreate(Make("other"), TimeProvider.System);
        var transport = new PairTransport(Identity(other, A));
        await Assert.ThrowsAsync<AuthenticationException>(() => transport.ConnectAsync(
            B, _listener.Endpoint.ToString(), TestContext.Current.CancellationToken));
    }

    // TLS 1.3 lets a client believe that it is through before the server has looked at its certificate: what counts is
    // that its hello reaches nobody, and that the connection is ended.
    private async Task IsRefusedAsync(X509Certificate2? certificate)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_listener.Endpoint, TestContext.Current.CancellationToken);
        await using var stream = new SslStream(new NetworkStream(socket));
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = B.Value,
                    ClientCertificates = certificate is null ? [] : [certificate],
                    EnabledSslProtocols = SslProtocols.Tls13,
                    // It knows the listener, whatever authority it has itself.
                    RemoteCertificateValidationCallback = (_, shown, _, _) => shown is X509Certificate2 listener
                        && FleetCertificates.Verify(listener, _fleet.PublicCertificate, DateTimeOffset.UtcNow, out _)
                            is { Role: FleetRole.Host },
                },
                TestContext.Current.CancellationToken);
            await SayHelloAsync(stream);
            await stream.ReadExactlyAsync(new byte[1], TestContext.Current.CancellationToken).AsTask().WaitAsync(
                PairTransport.HandshakeDeadline, TestContext.Current.CancellationToken);
        });
        Assert.False(_accepted.Task.IsCompleted);
        certificate?.Dispose();
        await A_host_of_the_fleet_gets_through_under_its_own_name();
    }

    private static async Task SayHelloAsync(SslStream stream) =>
        await stream.WriteAsync(PairFixtures.Hello(), TestContext.Current.CancellationToken);

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;

    private static X509Certificate2 Issued(FleetAuthority authority, FleetIdentity identity)
    {
        (string certificate, string key) = authority.Issue(identity);
        return X509Certificate2.CreateFromPem(certificate, key);
    }

    private HostIdentity Identity(FleetAuthority authority, HostId host) =>
        PairFixtures.Join(authority, host, _directory);
}
