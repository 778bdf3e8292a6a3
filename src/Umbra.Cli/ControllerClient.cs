using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>Speaks to the controller as an administrator.</summary>
internal sealed class ControllerClient : IDisposable
{
    /// <summary>Names the credential file where no option does.</summary>
    public const string ConfigVariable = "UMBRA_CONFIG";

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http;
    private readonly X509Certificate2 _authority;
    private readonly X509Certificate2 _certificate;
    private string _refusal = "";

    private ControllerClient(ClientCredential credential)
    {
        _authority = X509Certificate2.CreateFromPem(credential.Authority);
        _certificate = X509Certificate2.CreateFromPem(credential.Certificate, credential.PrivateKey);
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            UseProxy = false,
            AllowAutoRedirect = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                EnabledSslProtocols = SslProtocols.Tls13,
                ClientCertificateContext = SslStreamCertificateContext.Create(_certificate, null, offline: true),
                RemoteCertificateValidationCallback = (_, certificate, _, _) => IsController(certificate),
            },
        };
        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri(credential.Url),
            Timeout = AnswerTimeout + ApiPaths.WaitMax,
            MaxResponseContentBufferSize = FleetJson.BodyBytesMax * 8L,
        };
    }

    /// <summary>A client by the credential at <paramref name="path"/> or where it usually is.</summary>
    public static ControllerClient Open(string? path)
    {
        path ??= Environment.GetEnvironmentVariable(ConfigVariable) is { Length: > 0 } variable ? variable : null;
        path ??= Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config", "umbra", "client.json");
        const string WhatToDo = "give --config FILE, set $UMBRA_CONFIG, or copy the controller's STATE/admin.json to "
            + "~/.config/umbra/client.json";
        if (!File.Exists(path))
            throw new CliException(
                ExitCodes.Unreachable, $"there is no credential for a controller at {path}", WhatToDo);
        try
        {
            var credential = FleetJson.TryDeserialize<ClientCredential>(File.ReadAllBytes(path), out string error)
                ?? throw new CliException(ExitCodes.Unreachable, $"{path} is no credential: {error}", WhatToDo);
            return new ControllerClient(credential);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException
            or CryptographicException or UriFormatException or ArgumentException)
        {
            throw new CliException(ExitCodes.Unreachable, $"{path} cannot be used: {exception.Message}", WhatToDo);
        }
    }

    /// <summary>GET.</summary>
    public Task<T> GetAsync<T>(string path, CancellationToken stop)
        where T : class => SendAsync<T>(HttpMethod.Get, path, null, stop);

    /// <summary>POST without a body.</summary>
    public Task<T> PostAsync<T>(string path, CancellationToken stop)
        where T : class => SendAsync<T>(HttpMethod.Post, path, null, stop);

    /// <summary>POST.</summary>
    public Task<T> PostAsync<TRequest, T>(string path, TRequest request, CancellationToken stop)
        where T : class => SendAsync<T>(HttpMethod.Post, path, FleetJson.Serialize(request), stop);

    /// <summary>PUT.</summary>
    public Task<T> PutAsync<TRequest, T>(string path, TRequest request, CancellationToken stop)
        where T : class => SendAsync<T>(HttpMethod.Put, path, FleetJson.Serialize(request), stop);

    /// <summary>DELETE.</summary>
    public Task<T> DeleteAsync<T>(string path, CancellationToken stop)
        where T : class => SendAsync<T>(HttpMethod.Delete, path, null, stop);

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _certificate.Dispose();
        _authority.Dispose();
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, byte[]? body, CancellationToken stop)
        where T : class
    {
        using var request = new HttpRequestMessage(method, ApiPaths.Admin + path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new("application/json");
        }

        try
        {
            using var response = await _http.SendAsync(request, stop).ConfigureAwait(false);
            byte[] json = await response.Content.ReadAsByteArrayAsync(stop).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
            {
                return FleetJson.TryDeserialize<T>(json, out string error)
                    ?? throw new CliException(ExitCodes.Failed, "the controller's answer does not parse: " + error);
            }

            throw Problem(response.StatusCode, json);
        }
        catch (HttpRequestException exception)
        {
            throw Unreachable(_refusal != "" ? _refusal : exception.InnerException?.Message ?? exception.Message);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw Unreachable("it does not answer");
        }
    }

    private static CliException Problem(HttpStatusCode status, byte[] json) =>
        FleetJson.TryDeserialize<ApiProblem>(json, out _) is { } problem
            ? new CliException(problem)
            : new CliException(ExitCodes.Failed, $"the controller answered with HTTP status {(int)status}");

    private CliException Unreachable(string reason) => new(
        ExitCodes.Unreachable, $"the controller at {_http.BaseAddress} cannot be reached: {reason}",
        "see that 'umbra controller run' runs there and that the credential is of its fleet");

    private bool IsController(X509Certificate? certificate)
    {
        if (certificate is not X509Certificate2 peer) return false;
        var identity = FleetCertificates.Verify(peer, _authority, DateTimeOffset.UtcNow, out _refusal);
        if (identity is { Role: not FleetRole.Controller }) _refusal = $"it is no controller but {identity.ToUri()}";
        return identity is { Role: FleetRole.Controller };
    }
}
