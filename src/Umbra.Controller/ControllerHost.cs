using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Umbra.Controller.Fleet;
using Umbra.Controller.Http;
using Umbra.Controller.Security;
using Umbra.Controller.Store;
using Umbra.Core.Api;

namespace Umbra.Controller;

/// <summary>A running controller: store, fleet and HTTPS server, from start to stop.</summary>
public sealed class ControllerHost : IAsyncDisposable
{
    private const string StoreFile = "fleet.db";

    private readonly WebApplication _app;
    private readonly FleetAuthority _authority;
    private readonly SqliteFleetStore _store;
    private readonly X509Certificate2 _certificate;

    private ControllerHost(ControllerOptions options, TimeProvider time, ILoggerProvider? logs)
    {
        PrivateFiles.CreateDirectory(options.StateDirectory);
        _authority = FleetAuthority.LoadOrCreate(options.StateDirectory, time);
        _certificate = ControllerCredentials.CreateServerCertificate(_authority);
        string storePath = Path.Combine(options.StateDirectory, StoreFile);
        PrivateFiles.CreateEmpty(storePath); // SQLite's further files take its mode
        _store = new SqliteFleetStore(storePath);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options, time));
        builder.Services.AddRoutingCore();
        builder.Logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
        if (logs is not null) builder.Logging.AddProvider(logs);
        _app = builder.Build();
        Log = _app.Services.GetRequiredService<ILogger<ControllerHost>>();
        Fleet = new FleetService(_store, _authority, time, _app.Services.GetRequiredService<ILogger<FleetService>>());
        _app.Use(HandleAsync);
        _app.UseRouting();
        AgentEndpoints.Map(_app, Fleet, _app.Lifetime.ApplicationStopping);
        AdminEndpoints.Map(_app, Fleet, _app.Lifetime.ApplicationStopping);
        _app.MapFallback(static context => HttpExchange.WriteAsync(context, Problems.NotFound(
            $"{context.Request.Method} {context.Request.Path} is nothing of this controller's")));
    }

    /// <summary>The fleet.</summary>
    public FleetService Fleet { get; }

    /// <summary>The URL under which hosts and people reach it.</summary>
    public string Url { get; private set; } = "";

    /// <summary>Where the administrator's credential is.</summary>
    public string AdminPath { get; private set; } = "";

    /// <summary>The fleet's CA.</summary>
    public X509Certificate2 Authority => _authority.PublicCertificate;

    private ILogger Log { get; }

    /// <summary>Starts a controller; it answers when this returns.</summary>
    /// <exception cref="IOException">It cannot listen there.</exception>
    /// <exception cref="InvalidDataException">Its state was written by a newer version.</exception>
    public static async Task<ControllerHost> StartAsync(
        ControllerOptions options, TimeProvider time, ILoggerProvider? logs, CancellationToken stop)
    {
        var host = new ControllerHost(options, time, logs);
        try
        {
            await host._app.StartAsync(stop).ConfigureAwait(false);
            string bound = host._app.Services.GetRequiredService<IServer>()
                .Features.Get<IServerAddressesFeature>()!.Addresses.Single();
            host.Url = options.AdvertiseUrl ?? Reachable(options.ListenEndpoint.Address, new Uri(bound).Port);
            host.Fleet.AdvertiseUrl = host.Url;
            host.AdminPath = ControllerCredentials.WriteAdmin(options.StateDirectory, host.Url, host._authority, time);
            return host;
        }
        catch
        {
            await host.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Stops it: calls under way are answered or broken off, then the store is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        using var grace = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _app.StopAsync(grace.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _app.DisposeAsync().ConfigureAwait(false);
        Fleet.Dispose();
        _store.Dispose();
        _certificate.Dispose();
        _authority.Dispose();
    }

    private static string Reachable(IPAddress listen, int port)
    {
        bool everywhere = listen.Equals(IPAddress.Any) || listen.Equals(IPAddress.IPv6Any);
        return $"https://{(everywhere ? Dns.GetHostName() : new IPEndPoint(listen, 0).ToString()[..^2])}:{port}";
    }

    private void Configure(KestrelServerOptions kestrel, ControllerOptions options, TimeProvider time)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = FleetJson.BodyBytesMax;
        kestrel.Listen(options.ListenEndpoint, listen => listen.UseHttps(new HttpsConnectionAdapterOptions
        {
            ServerCertificate = _certificate,
            SslProtocols = SslProtocols.Tls13,
            ClientCertificateMode = ClientCertificateMode.AllowCertificate,
            CheckCertificateRevocation = false,
            ClientCertificateValidation = (certificate, _, _) => IsOurs(certificate, time),
        }));
    }

    private bool IsOurs(X509Certificate2 certificate, TimeProvider time)
    {
        bool ours = FleetCertificates.Verify(certificate, Authority, time.GetUtcNow(), out string error) is not null;
        if (!ours) Log.CertificateRefused(error);
        return ours;
    }

    private async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            if (Callers.Admit(context, Fleet) is { } problem)
                await HttpExchange.WriteAsync(context, problem).ConfigureAwait(false);
            else
                await next(context).ConfigureAwait(false);
        }
        catch (Exception exception) when (
            exception is OperationCanceledException || context.RequestAborted.IsCancellationRequested)
        {
            // The caller has hung up (an agent does when it has newer news), or we stop: nobody waits for an answer.
            context.Abort();
        }
        catch (Exception exception)
        {
            Log.RequestFailed(exception, context.Request.Method, context.Request.Path);
            if (context.Response.HasStarted) context.Abort();
            else await HttpExchange.WriteAsync(context, Problems.Internal(exception.Message)).ConfigureAwait(false);
        }
    }
}
