using System.Net.Http.Json;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Agent.Links;

/// <summary>
/// The agent's calls to the controller. Every one has a deadline; a call that fails is an outcome, not an error.
/// </summary>
public sealed class ControllerClient(HostIdentity identity) : IDisposable
{
    /// <summary>A heartbeat's answer later than this after the controller should have given it is lost.</summary>
    private static readonly TimeSpan HeartbeatDeadline = AgentHeartbeat.HoldMax + TimeSpan.FromSeconds(2);

    /// <summary>A claim not answered by then has an unknown outcome and is asked again.</summary>
    private static readonly TimeSpan FenceDeadline = TimeSpan.FromSeconds(2);

    /// <summary>A rehearsed claim's: below what a swap waits for its shadow, so that it hears why.</summary>
    private static readonly TimeSpan RehearsalDeadline = TimeSpan.FromSeconds(1);

    private readonly HttpClient _http = identity.CreateClient();

    /// <summary>
    /// Reports to the controller and gets this host's desired state; null when the controller is away.
    /// </summary>
    public async Task<(HeartbeatAnswer? Answer, string Error)> HeartbeatAsync(AgentHeartbeat heartbeat,
        CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(HeartbeatDeadline);
        try
        {
            using HttpResponseMessage response = await _http.PostAsJsonAsync(
                ApiPaths.AgentHeartbeat, heartbeat, FleetJson.Options, deadline.Token);
            if (!response.IsSuccessStatusCode)
                return (null,
                    $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(deadline.Token)}");
            return (await response.Content.ReadFromJsonAsync<HeartbeatAnswer>(FleetJson.Options, deadline.Token), "");
        }
        catch (Exception e) when (IsAbsence(e, stop))
        {
            return (null, Describe(e));
        }
    }

    /// <summary>Claims a generation; null when the outcome is unknown.</summary>
    public Task<FenceAnswer?> ClaimAsync(VmId vm, FenceClaim claim, string cause, CancellationToken stop) =>
        AskFenceAsync(ApiPaths.AgentFence, new FenceRequest(vm, claim, cause), FenceDeadline, stop);

    /// <summary>How a claim would be answered now, by the same ways; null when the controller does not say.</summary>
    public Task<FenceAnswer?> RehearseClaimAsync(VmId vm, FenceClaim claim, CancellationToken stop) =>
        AskFenceAsync(ApiPaths.AgentFenceRehearsal, new FenceRequest(vm, claim, "rehearsal"), RehearsalDeadline, stop);

    private async Task<FenceAnswer?> AskFenceAsync(
        string path, FenceRequest request, TimeSpan patience, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(patience);
        try
        {
            using HttpResponseMessage response = await _http.PostAsJsonAsync(
                path, request, FleetJson.Options, deadline.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode) return null;
            FenceReply? reply = await response.Content.ReadFromJsonAsync<FenceReply>(FleetJson.Options, deadline.Token)
                .ConfigureAwait(false);
            return reply?.Answer;
        }
        catch (Exception e) when (IsAbsence(e, stop))
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static bool IsAbsence(Exception e, CancellationToken stop) =>
        e is HttpRequestException or IOException or System.Text.Json.JsonException
        || (e is OperationCanceledException && !stop.IsCancellationRequested);

    private static string Describe(Exception e) =>
        e is OperationCanceledException ? "no answer in time" : (e.InnerException ?? e).Message;
}
