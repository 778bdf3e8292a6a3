using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;

namespace Umbra.Lab;

/// <summary>The controller refused a request.</summary>
public sealed class FleetException(string message) : Exception(message);

/// <summary>The controller's API as a program sees it, through a door into the lab.</summary>
public sealed class FleetClient : IDisposable
{
    private static readonly TimeSpan RequestTime = TimeSpan.FromSeconds(40);

    private readonly HttpClient _http;
    private readonly Func<string> _diagnosis;

    private FleetClient(HttpClient http, Func<string> diagnosis)
    {
        _http = http;
        _diagnosis = diagnosis;
    }

    /// <summary>A client with the credential in <paramref name="path"/>.</summary>
    public static FleetClient Load(string path, NamespaceDoor door, Func<string> diagnosis)
    {
        byte[] file = File.ReadAllBytes(path);
        ClientCredential credential = FleetJson.TryDeserialize<ClientCredential>(file, out string error)
            ?? throw new FleetException($"{path}: {error}");
        X509Certificate2 authority = X509Certificate2.CreateFromPem(credential.Authority);
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancel) =>
                await door.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancel),
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = [X509Certificate2.CreateFromPem(credential.Certificate, credential.PrivateKey)],
                RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is X509Certificate2 peer
                    && FleetCertificates.Verify(peer, authority, DateTimeOffset.UtcNow, out _)?.Role
                        == FleetRole.Controller,
            },
        };
        var http = new HttpClient(handler) { BaseAddress = new Uri(credential.Url), Timeout = RequestTime };
        return new FleetClient(http, diagnosis);
    }

    /// <summary>Hosts and VMs.</summary>
    public Task<FleetView> FleetAsync() => SendAsync<FleetView>(HttpMethod.Get, "fleet");

    /// <summary>One VM.</summary>
    public Task<VmView> VmAsync(VmId vm) => SendAsync<VmView>(HttpMethod.Get, $"vms/{vm}");

    /// <summary>What is decided about a VM's hardware, and what that rests on.</summary>
    public Task<DecisionView> DecisionAsync(VmId vm) => SendAsync<DecisionView>(HttpMethod.Get, $"vms/{vm}/decision");

    /// <summary>Diagnoses of hosts that VMs left, newest first.</summary>
    public Task<DiagnosisList> DiagnosesAsync() => SendAsync<DiagnosisList>(HttpMethod.Get, "diagnoses");

    /// <summary>One diagnosis, whole.</summary>
    public Task<DiagnosisRecord> DiagnosisAsync(string id) =>
        SendAsync<DiagnosisRecord>(HttpMethod.Get, "diagnoses/" + id);

    /// <summary>Events after number <paramref name="since"/>.</summary>
    public Task<EventPage> EventsAsync(long since) => SendAsync<EventPage>(
        HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"events?since={since}&limit=1000"));

    /// <summary>A join token for <paramref name="uses"/> hosts.</summary>
    public Task<TokenReply> CreateTokenAsync(int uses) =>
        SendAsync<TokenReply>(HttpMethod.Post, "tokens", FleetJson.Serialize(new TokenRequest { Uses = uses }));

    /// <summary>Creates a VM.</summary>
    public Task<VmChange> CreateVmAsync(CreateVmRequest request) =>
        SendAsync<VmChange>(HttpMethod.Post, "vms", FleetJson.Serialize(request));

    /// <summary>Asks for something to be done once.</summary>
    public Task<ActionView> ActAsync(VmId vm, ActionRequest request) =>
        SendAsync<ActionView>(HttpMethod.Post, $"vms/{vm}/actions", FleetJson.Serialize(request));

    /// <summary>Waits until the fleet is as wanted; a controller that is away is waited for as well.</summary>
    public async Task<FleetView> WaitAsync(string what, Func<FleetView, bool> isSo, TimeSpan limit)
    {
        FleetView? last = null;
        await Wait.UntilAsync(what, async () =>
        {
            try
            {
                last = await FleetAsync();
                return isSo(last);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                return false;
            }
        }, limit, () => $"{Summary(last)}\n{_diagnosis()}");
        return last!;
    }

    /// <summary>Waits until a VM is as wanted.</summary>
    public async Task<VmView> WaitForVmAsync(VmId vm, string what, Func<VmView, bool> isSo, TimeSpan limit)
    {
        FleetView fleet = await WaitAsync(
            $"{vm}: {what}", view => view.Vms.Any(one => one.Definition.Name == vm && isSo(one)), limit);
        return fleet.Vms.Single(one => one.Definition.Name == vm);
    }

    /// <summary>Waits until an action has its result.</summary>
    public async Task<VmActionResult> WaitForResultAsync(VmId vm, string action, TimeSpan limit)
    {
        ActionView? view = null;
        await Wait.UntilAsync($"{vm}: action {action} to end", async () =>
        {
            view = await SendAsync<ActionView>(HttpMethod.Get, $"vms/{vm}/actions/{action}");
            return view.Result is not null;
        }, limit, _diagnosis);
        return view!.Result!;
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static string Summary(FleetView? fleet) => fleet is null
        ? "the controller never answered"
        : string.Join('\n', fleet.Vms.Select(vm =>
            $"{vm.Definition.Name}: {vm.Guest} on {vm.Primary}, shadow {vm.Shadow}, {vm.Protection}: {vm.Reason}"));

    private async Task<T> SendAsync<T>(HttpMethod method, string path, byte[]? body = null)
        where T : class
    {
        using var request = new HttpRequestMessage(method, $"{ApiPaths.Admin}/{path}");
        if (body is not null) request.Content = new ByteArrayContent(body);
        if (request.Content is { } content) content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using HttpResponseMessage response = await _http.SendAsync(request);
        byte[] answer = await response.Content.ReadAsByteArrayAsync();
        if (!response.IsSuccessStatusCode)
        {
            ApiProblem? problem = FleetJson.TryDeserialize<ApiProblem>(answer, out _);
            throw new FleetException($"{method} {path}: {(int)response.StatusCode} {problem?.Title} {problem?.Detail}");
        }

        return FleetJson.TryDeserialize<T>(answer, out string error)
            ?? throw new FleetException($"{method} {path}: the answer does not parse: {error}");
    }
}
