using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Agent.Links;

/// <summary>
/// Who this host is to the fleet: its key, the certificate that the fleet's authority gave it, the authority, and where
/// the controller is. Kept in the state directory; got once, by join token.
/// </summary>
public sealed class HostIdentity
{
    private readonly X509Certificate2 _authority;

    private HostIdentity(HostId name, Uri controller, X509Certificate2 certificate, X509Certificate2 authority)
    {
        (Name, Controller, Certificate, _authority) = (name, controller, certificate, authority);
    }

    /// <summary>The host's name, as its certificate has it.</summary>
    public HostId Name { get; }

    /// <summary>The controller's base address.</summary>
    public Uri Controller { get; }

    /// <summary>The host's certificate with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The identity in <paramref name="paths"/>, or null when the host has not joined.</summary>
    /// <exception cref="InvalidOperationException">It is there but of no use; the message says what to do.</exception>
    public static HostIdentity? Load(AgentPaths paths, HostId name)
    {
        var files = new Files(paths.Identity);
        if (!File.Exists(files.Certificate)) return null;
        var identity = new HostIdentity(
            name,
            new Uri(File.ReadAllText(files.Controller).Trim()),
            X509Certificate2.CreateFromPemFile(files.Certificate, files.Key),
            X509Certificate2.CreateFromPem(File.ReadAllText(files.Authority)));
        HostId? known = identity.HostOf(identity.Certificate);
        if (known == name) return identity;
        throw new InvalidOperationException(
            $"the certificate in {files.Certificate} is "
            + (known is null ? "expired or of another fleet" : $"that of host {known}")
            + $", this agent is {name}: start it under its own name, "
            + $"or remove {paths.Identity} and join anew with --join");
    }

    /// <summary>Joins the fleet: makes a key, has it certified, keeps both.</summary>
    /// <exception cref="InvalidOperationException">The controller refused; the message says why.</exception>
    public static async Task<HostIdentity> JoinAsync(AgentPaths paths, HostId name, JoinToken token,
        CancellationToken stop)
    {
        string request = MakeRequest(paths, name);
        using X509Certificate2 authority = await FetchAuthorityAsync(token, stop);
        using HttpClient http = CreateJoinClient(token, authority);
        using HttpResponseMessage response = await http.PostAsJsonAsync(
            new Uri(new Uri(token.Url), ApiPaths.AgentJoin),
            new JoinRequest(token.Secret, name, request),
            FleetJson.Options,
            stop);
        if (!response.IsSuccessStatusCode)
        {
            throw new InvalidOperationException(
                $"the controller at {token.Url} refused the join ({(int)response.StatusCode}): "
                + await response.Content.ReadAsStringAsync(stop));
        }

        JoinReply reply = await response.Content.ReadFromJsonAsync<JoinReply>(FleetJson.Options, stop)
            ?? throw new InvalidOperationException("the controller's answer to the join is empty");
        return Keep(paths, name, token.Url, reply);
    }

    /// <summary>The request for a host's certificate; its key is made and kept first, unless there is one.</summary>
    internal static string MakeRequest(AgentPaths paths, HostId name)
    {
        Directory.CreateDirectory(paths.Identity,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using ECDsa key = ReadOrMakeKey(new Files(paths.Identity).Key);
        return FleetCertificates.CreateRequest(name, key);
    }

    /// <summary>Keeps what the controller at <paramref name="url"/> answered to the request.</summary>
    internal static HostIdentity Keep(AgentPaths paths, HostId name, string url, JoinReply reply)
    {
        var files = new Files(paths.Identity);
        File.WriteAllText(files.Authority, reply.Authority);
        File.WriteAllText(files.Controller, url);
        // Last: its presence says that the join is complete.
        File.WriteAllText(files.Certificate, reply.Certificate);
        return Load(paths, name)!;
    }

    /// <summary>
    /// The host that <paramref name="certificate"/> names, or null when it is not a host's of this fleet.
    /// </summary>
    public HostId? HostOf(X509Certificate? certificate) =>
        IdentityOf(certificate) is { Role: FleetRole.Host } identity ? new HostId(identity.Name) : null;

    /// <summary>A client that speaks to the controller as this host.</summary>
    public HttpClient CreateClient()
    {
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = [Certificate],
                EnabledSslProtocols = SslProtocols.Tls13,
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    IdentityOf(certificate) is { Role: FleetRole.Controller },
            },
            ConnectTimeout = TimeSpan.FromSeconds(2),
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            // A controller that vanished without a word is noticed by this, not by the next claim.
            KeepAlivePingDelay = TimeSpan.FromSeconds(1),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(2),
        };
        return new HttpClient(handler)
        {
            BaseAddress = Controller,
            // One connection for everything: a fence claim must not wait for a handshake.
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrHigher,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    private FleetIdentity? IdentityOf(X509Certificate? certificate) => certificate is X509Certificate2 known
        ? FleetCertificates.Verify(known, _authority, DateTimeOffset.UtcNow, out _)
        : null;

    /// <summary>
    /// Gets the fleet's authority from whoever answers at the token's URL, and believes it only if it is the one whose
    /// fingerprint the token carries. Nothing secret is told meanwhile.
    /// </summary>
    private static async Task<X509Certificate2> FetchAuthorityAsync(JoinToken token, CancellationToken stop)
    {
        using HttpClient anybody = CreateJoinClient(token, authority: null);
        string pem = await anybody.GetStringAsync(new Uri(new Uri(token.Url), ApiPaths.AgentAuthority), stop);
        X509Certificate2 authority = X509Certificate2.CreateFromPem(pem);
        if (FleetCertificates.Fingerprint(authority) == token.CaFingerprint) return authority;
        authority.Dispose();
        throw new InvalidOperationException(
            $"{token.Url} is not the controller that the join token is of: its authority has another fingerprint");
    }

    /// <summary>A client for the time before this host has a certificate; null trusts whoever answers.</summary>
    private static HttpClient CreateJoinClient(JoinToken token, X509Certificate2? authority)
    {
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                EnabledSslProtocols = SslProtocols.Tls13,
                RemoteCertificateValidationCallback = (_, certificate, _, _) => authority is null
                    || (certificate is X509Certificate2 leaf
                        && FleetCertificates.Verify(leaf, authority, DateTimeOffset.UtcNow, out _)
                            is { Role: FleetRole.Controller }),
            },
        };
        return new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(10) };
    }

    private static ECDsa ReadOrMakeKey(string file)
    {
        ECDsa key = ECDsa.Create(FleetCertificates.Curve);
        if (File.Exists(file))
        {
            key.ImportFromPem(File.ReadAllText(file));
            return key;
        }

        using var stream = new FileStream(file, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        using var writer = new StreamWriter(stream);
        writer.Write(key.ExportPkcs8PrivateKeyPem());
        return key;
    }

    private sealed record Files(string Directory)
    {
        public string Key => Path.Combine(Directory, "host.key");

        public string Certificate => Path.Combine(Directory, "host.crt");

        public string Authority => Path.Combine(Directory, "authority.crt");

        public string Controller => Path.Combine(Directory, "controller.url");
    }
}
