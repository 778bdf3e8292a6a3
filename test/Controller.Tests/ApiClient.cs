using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>A bare HTTPS client of the controller, with whatever certificate the test gives it.</summary>
internal sealed class ApiClient : IDisposable
{
    private const int LongBody = 64 * 1024;

    private readonly HttpClient _http;

    public ApiClient(string url, X509Certificate2? certificate)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificateContext = certificate is null
                    ? null
                    : SslStreamCertificateContext.Create(certificate, null, offline: true),
                RemoteCertificateValidationCallback = (_, peer, _, _) => Seen(peer),
            },
        };
        _http = new HttpClient(handler) { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(60) };
    }

    /// <summary>Whom the controller's certificate names.</summary>
    public FleetIdentity? Peer { get; private set; }

    public static ApiClient Admin(string credentialPath)
    {
        var credential = FleetJson.TryDeserialize<ClientCredential>(File.ReadAllBytes(credentialPath), out _)!;
        return new ApiClient(
            credential.Url, X509Certificate2.CreateFromPem(credential.Certificate, credential.PrivateKey));
    }

    public async Task<T> PostAsync<T>(string path, object request)
        where T : class
    {
        var (status, body) = await SendAsync(HttpMethod.Post, path, Json(request));
        Assert.True(status == HttpStatusCode.OK, $"{path}: {status} {System.Text.Encoding.UTF8.GetString(body)}");
        return FleetJson.TryDeserialize<T>(body, out string error) ?? throw new InvalidDataException(error);
    }

    public async Task<ApiProblem> PostProblemAsync(string path, object request) => Problem(
        await SendAsync(HttpMethod.Post, path, Json(request)));

    public async Task<T> GetAsync<T>(string path)
        where T : class
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path, null);
        Assert.Equal(HttpStatusCode.OK, status);
        return FleetJson.TryDeserialize<T>(body, out string error) ?? throw new InvalidDataException(error);
    }

    public async Task<ApiProblem> GetProblemAsync(string path) => Problem(await SendAsync(HttpMethod.Get, path, null));

    public async Task<(HttpStatusCode Status, byte[] Body)> SendAsync(HttpMethod method, string path, byte[]? body)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = new ByteArrayContent(body);
        // A body that is refused for its length must not be on its way when the controller closes the connection.
        request.Headers.ExpectContinue = body?.Length > LongBody;
        using var response = await _http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsByteArrayAsync());
    }

    public static (ECDsa Key, JoinRequest Request) JoinRequest(JoinToken token, string name)
    {
        var key = ECDsa.Create(FleetCertificates.Curve);
        return (key, new JoinRequest(
            token.Secret, new HostId(name), FleetCertificates.CreateRequest(new HostId(name), key)));
    }

    public void Dispose() => _http.Dispose();

    private static byte[] Json(object value) => System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
        value, value.GetType(), FleetJson.Options);

    private static ApiProblem Problem((HttpStatusCode Status, byte[] Body) answer)
    {
        var problem = FleetJson.TryDeserialize<ApiProblem>(answer.Body, out string error);
        Assert.True(problem is not null, error);
        Assert.Equal((int)answer.Status, problem.Status);
        return problem;
    }

    private bool Seen(X509Certificate? peer)
    {
        Peer = FleetCertificates.IdentityOf((X509Certificate2)peer!);
        return true;
    }
}
