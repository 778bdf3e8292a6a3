using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Umbra.Agent.Health;
using Umbra.Core.Health;
using Xunit;

namespace Umbra.Agent.Tests.Health;

/// <summary>The Redfish reader against a small service over TLS.</summary>
public sealed class RedfishReaderTests : IAsyncLifetime
{
    private const string Password = "correct horse";
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Func<HttpContext, Task>> _pages = [];
    private readonly string _passwordFile = Path.GetTempFileName();
    private readonly X509Certificate2 _certificate = MakeCertificate();
    private WebApplication? _service;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(_passwordFile, Password + "\n", Stop);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.ListenLocalhost(0 + FreePort(), listen => listen.UseHttps(_certificate)));
        _service = builder.Build();
        _service.Run(AnswerAsync);
        await _service.StartAsync(Stop);
        Page("/redfish/v1", """
            {"Chassis":{"@odata.id":"/redfish/v1/Chassis"},"Systems":{"@odata.id":"/redfish/v1/Systems"}}
            """);
        Page("/redfish/v1/Chassis", """{"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]}""");
        Page("/redfish/v1/Chassis/1", """{"Thermal":{"@odata.id":"/redfish/v1/Chassis/1/Thermal"}}""");
        Page("/redfish/v1/Chassis/1/Thermal",
            """{"Fans":[{"Name":"Fan 1","Reading":4000,"ReadingUnits":"RPM","Status":{"Health":"Critical"}}]}""");
        Page("/redfish/v1/Systems", """{"Members":[{"@odata.id":"/redfish/v1/Systems/1"}]}""");
        Page("/redfish/v1/Systems/1", """{"LogServices":{"@odata.id":"/redfish/v1/Systems/1/LogServices"}}""");
        Page("/redfish/v1/Systems/1/LogServices",
            """{"Members":[{"@odata.id":"/redfish/v1/Systems/1/LogServices/IML"}]}""");
        Page("/redfish/v1/Systems/1/LogServices/IML",
            """{"Entries":{"@odata.id":"/redfish/v1/Systems/1/LogServices/IML/Entries"}}""");
        Page("/redfish/v1/Systems/1/LogServices/IML/Entries", """
            {"Members":[{"Id":"1","Created":"2026-05-01T10:00:00Z",
             "Message":"Uncorrectable memory error","Severity":"Critical"}]}
            """);
    }

    public async ValueTask DisposeAsync()
    {
        if (_service is not null) await _service.DisposeAsync();
        _certificate.Dispose();
        File.Delete(_passwordFile);
    }

    [Fact]
    public async Task Parts_and_log_entries_are_read()
    {
        HealthReport report = (await ReadAsync()).Report!;
        Assert.Null(report.Error);
        Assert.Equal(("Fan 1", HealthLevel.Critical, 4000.0),
            report.Readings.Select(static r => (r.Component, r.Level, r.Value!.Value)).Single());
        Assert.Equal((ComponentKind.Memory, HealthSeverity.Critical),
            report.Records.Select(static r => (r.Kind, r.Severity)).Single());
        Assert.False(report.IsPartial, report.Note);
    }

    [Fact]
    public async Task A_certificate_that_is_not_the_pinned_one_gets_no_password()
    {
        bool asked = false;
        _pages["/redfish/v1"] = _ =>
        {
            asked = true;
            return Task.CompletedTask;
        };
        string error = (await ReadAsync(pin: new string('0', 64))).Report!.Error!;
        Assert.Contains("certificate", error, StringComparison.Ordinal);
        Assert.False(asked);
    }

    [Fact]
    public async Task A_wrong_password_is_refused()
    {
        await File.WriteAllTextAsync(_passwordFile, "wrong", Stop);
        string error = (await ReadAsync()).Report!.Error!;
        Assert.Contains("refuses the user or the password", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_without_end_or_sense_leaves_the_rest_readable()
    {
        _pages["/redfish/v1/Chassis/1"] = static async context =>
        {
            byte[] much = Encoding.ASCII.GetBytes(new string('[', 100_000));
            while (!context.RequestAborted.IsCancellationRequested)
                await context.Response.Body.WriteAsync(much, context.RequestAborted);
        };
        HealthReport report = (await ReadAsync()).Report!;
        Assert.Null(report.Error);
        Assert.True(report.IsPartial);
        Assert.Contains("larger than", report.Note, StringComparison.Ordinal);
        Assert.Single(report.Records);
        Page("/redfish/v1/Systems/1/LogServices", "<html>");
        Assert.Contains("larger than", (await ReadAsync()).Report!.Error!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_is_gone_is_silence()
    {
        RedfishAddress address = Address(null);
        await _service!.StopAsync(Stop);
        using var reader = new RedfishReader(address, Minute, Minute);
        ReadOutcome outcome = await reader.ReadAsync(Stop);
        Assert.Null(outcome.Report);
        Assert.Contains("does not answer", outcome.Silence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://root@10.0.0.1")]
    [InlineData("https://root:secret@10.0.0.1")]
    [InlineData("https://10.0.0.1/redfish")]
    [InlineData("ftp://10.0.0.1")]
    [InlineData("10.0.0.1")]
    public void An_address_that_would_leak_the_password_is_refused(string url)
    {
        Assert.Null(RedfishAddress.TryParse(url, null, null, out string error));
        Assert.NotEmpty(error);
    }

    private async Task<ReadOutcome> ReadAsync(string? pin = null)
    {
        using var reader = new RedfishReader(Address(pin), Minute, Minute);
        return await reader.ReadAsync(Stop);
    }

    private RedfishAddress Address(string? pin)
    {
        string url = _service!.Urls.First().Replace("https://", "https://root@", StringComparison.Ordinal);
        string own = Convert.ToHexString(SHA256.HashData(_certificate.RawData));
        return RedfishAddress.TryParse(url, _passwordFile, pin ?? own, out string error)
            ?? throw new InvalidOperationException(error);
    }

    private void Page(string path, string json) => _pages[path] = context => context.Response.WriteAsync(json);

    private async Task AnswerAsync(HttpContext context)
    {
        string words = Convert.ToBase64String(Encoding.UTF8.GetBytes("root:" + Password));
        if (context.Request.Headers.Authorization != "Basic " + words) context.Response.StatusCode = 401;
        else if (_pages.TryGetValue(context.Request.Path, out var page)) await page(context);
        else context.Response.StatusCode = 404;
    }

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=bmc", key, HashAlgorithmName.SHA256);
        using X509Certificate2 made =
            request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
