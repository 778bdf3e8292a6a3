using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Text;
using Umbra.Core.Health;
using Umbra.Core.Health.Redfish;

namespace Umbra.Agent.Health;

/// <summary>A Redfish service: its pages, one after another, within limits.</summary>
public sealed class RedfishReader : IHealthReader
{
    private const int SilentPagesMax = 2, EntriesKnownMax = 16_384, PasswordBytesMax = 1024;

    private static readonly TimeSpan PageDeadline = TimeSpan.FromSeconds(20);

    private readonly RedfishAddress _address;
    private readonly HttpClient _http;
    private readonly HashSet<string> _entries = new(StringComparer.Ordinal);

    /// <summary>A reader of the service at <paramref name="address"/>.</summary>
    public RedfishReader(RedfishAddress address, TimeSpan period, TimeSpan deadline)
    {
        (_address, Period, Deadline) = (address, period, deadline);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = 1,
            MaxResponseHeadersLength = 64,
            ConnectTimeout = PageDeadline,
        };
        if (address.Pin is { } pin)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                certificate is not null
                && Convert.ToHexStringLower(SHA256.HashData(certificate.GetRawCertData())) == pin;
        }

        _http = new HttpClient(handler) { BaseAddress = address.Service, Timeout = PageDeadline };
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        _http.DefaultRequestHeaders.Add("OData-Version", "4.0");
    }

    /// <inheritdoc/>
    public string Name => "redfish";

    /// <inheritdoc/>
    public TimeSpan Period { get; }

    /// <inheritdoc/>
    public TimeSpan Deadline { get; }

    /// <inheritdoc/>
    public bool HasDatedLog => true;

    /// <inheritdoc/>
    public async Task<ReadOutcome> ReadAsync(CancellationToken stop)
    {
        if (WhyNoPassword() is { } noPassword) return ReadOutcome.Failed(noPassword);
        var walk = new RedfishWalk(_entries.Contains);
        int silent = 0;
        while (walk.Next() is { } path)
        {
            Page page = await FetchAsync(path, stop);
            if (page.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden && path == RedfishWalk.Root)
                return ReadOutcome.Failed("the Redfish service refuses the user or the password");
            silent = page.IsSilent ? silent + 1 : 0;
            if (page.IsSilent && (path == RedfishWalk.Root || silent > SilentPagesMax))
                return page.IsRefusal ? ReadOutcome.Failed(page.Error) : ReadOutcome.Silent(page.Error);
            if (page.Body is { } body) walk.Take(path, body);
            else walk.Miss(path, page.Error);
        }

        if (_entries.Count + walk.EntriesRead.Count > EntriesKnownMax) _entries.Clear();
        foreach (string entry in walk.EntriesRead) _entries.Add(entry);
        return ReadOutcome.Of(walk.Build());
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    // Read anew each time: passwords are changed while agents run.
    private string? WhyNoPassword()
    {
        if (_address.User is null) return null;
        try
        {
            string password = "";
            if (_address.PasswordFile is { } file)
            {
                if (new FileInfo(file).Length > PasswordBytesMax) return $"{file} is too long for a password";
                password = File.ReadAllText(file).TrimEnd('\r', '\n');
            }

            string words = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{_address.User}:{password}"));
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", words);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "the password file cannot be read: " + e.Message;
        }
    }

    private async Task<Page> FetchAsync(string path, CancellationToken stop)
    {
        try
        {
            using HttpResponseMessage response =
                await _http.GetAsync(new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, stop);
            if (response.StatusCode != HttpStatusCode.OK)
                return new Page(null, response.StatusCode, $"HTTP {(int)response.StatusCode}");
            byte[]? body = await ReadAsync(response, stop);
            return body is null
                ? new Page(null, response.StatusCode, $"larger than {RedfishLimits.PageBytesMax} bytes")
                : new Page(body, response.StatusCode, "");
        }
        catch (HttpRequestException e)
        {
            string why = (e.InnerException ?? e).Message;
            bool isTls = e.InnerException is System.Security.Authentication.AuthenticationException;
            return new Page(null, null, isTls
                ? "the certificate of the Redfish service is not the one pinned, or not trusted"
                : "the Redfish service does not answer: " + why)
            { IsSilent = true, IsRefusal = isTls };
        }
        catch (Exception e) when (e is IOException
            || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return new Page(null, null, "the Redfish service does not answer") { IsSilent = true };
        }
    }

    private static async Task<byte[]?> ReadAsync(HttpResponseMessage response, CancellationToken stop)
    {
        // The client's own timeout ends with the headers.
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(PageDeadline);
        await using Stream stream = await response.Content.ReadAsStreamAsync(deadline.Token);
        using var content = new MemoryStream();
        byte[] buffer = new byte[16 * 1024];
        for (int count; (count = await stream.ReadAsync(buffer, deadline.Token)) > 0;)
        {
            if (content.Length + count > RedfishLimits.PageBytesMax) return null;
            content.Write(buffer, 0, count);
        }

        return content.ToArray();
    }

    private sealed record Page(byte[]? Body, HttpStatusCode? Status, string Error)
    {
        public bool IsSilent { get; init; }

        public bool IsRefusal { get; init; }
    }
}
