using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Umbra.Controller.Fleet;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Controller.Http;

/// <summary>
/// The endpoints of the agents. Who calls is known by the certificate; <see cref="Callers"/> has seen to that.
/// </summary>
internal static class AgentEndpoints
{
    // A request to join comes from anybody, so it is short.
    private const int JoinBytesMax = 64 * 1024;

    /// <summary>Adds them.</summary>
    public static void Map(IEndpointRouteBuilder routes, FleetService fleet, CancellationToken stopping)
    {
        routes.MapGet(ApiPaths.AgentAuthority, context => context.Response.WriteAsync(fleet.AuthorityPem));
        routes.MapPost(ApiPaths.AgentJoin, context => JoinAsync(context, fleet));
        routes.MapPost(ApiPaths.AgentHeartbeat, context => HeartbeatAsync(context, fleet, stopping));
        routes.MapPost(ApiPaths.AgentFence, context => FenceAsync(context, fleet, rehearsal: false));
        routes.MapPost(ApiPaths.AgentFenceRehearsal, context => FenceAsync(context, fleet, rehearsal: true));
    }

    private static async Task JoinAsync(HttpContext context, FleetService fleet)
    {
        var request = await HttpExchange.ReadAsync<JoinRequest>(context, JoinBytesMax).ConfigureAwait(false);
        await HttpExchange.WriteAsync(context, request.Value is { } join ? fleet.Join(join) : request.Problem!)
            .ConfigureAwait(false);
    }

    private static async Task HeartbeatAsync(HttpContext context, FleetService fleet, CancellationToken stopping)
    {
        var request = await HttpExchange.ReadAsync<AgentHeartbeat>(context).ConfigureAwait(false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        await HttpExchange.WriteAsync(context, request.Value is { } heartbeat
            ? await fleet.HeartbeatAsync(Callers.Host(context), heartbeat, stop.Token).ConfigureAwait(false)
            : request.Problem!).ConfigureAwait(false);
    }

    private static async Task FenceAsync(HttpContext context, FleetService fleet, bool rehearsal)
    {
        var request = await HttpExchange.ReadAsync<FenceRequest>(context).ConfigureAwait(false);
        await HttpExchange.WriteAsync(
            context,
            request.Value is { } fence ? fleet.Fence(Callers.Host(context), fence, rehearsal) : request.Problem!)
            .ConfigureAwait(false);
    }
}
