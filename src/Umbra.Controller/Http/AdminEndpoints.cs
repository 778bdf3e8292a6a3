using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Umbra.Controller.Bmc;
using Umbra.Controller.Fleet;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;

namespace Umbra.Controller.Http;

/// <summary>The API for people and programs; docs/formats/http-api.md lists it.</summary>
internal static class AdminEndpoints
{
    private const int EventsPerPageMax = 1000;

    /// <summary>Adds them.</summary>
    public static void Map(IEndpointRouteBuilder routes, FleetService fleet, CancellationToken stopping)
    {
        var api = routes.MapGroup(ApiPaths.Admin);
        api.MapGet("/fleet", context => HttpExchange.WriteAsync<FleetView>(context, fleet.View()));
        api.MapPost("/tokens", Body<TokenRequest, TokenReply>(fleet.CreateToken));
        api.MapGet("/events", context => EventsAsync(context, fleet, stopping));
        api.MapGet("/diagnoses", context => HttpExchange.WriteAsync<DiagnosisList>(context, fleet.Diagnoses()));
        api.MapGet("/diagnoses/{id}", context => HttpExchange.WriteAsync(
            context, fleet.Diagnosis(context.Request.RouteValues["id"] as string ?? "")));
        MapHosts(api, fleet);
        MapVms(api, fleet, stopping);
        api.MapGet("/vms/{name}/actions/{id}", context => ActionAsync(context, fleet, stopping));
    }

    private static void MapHosts(IEndpointRouteBuilder api, FleetService fleet)
    {
        api.MapGet("/hosts", context => HttpExchange.WriteAsync<HostList>(context, new HostList(fleet.View().Hosts)));
        api.MapGet("/hosts/{name}", Named(name => fleet.Host(new HostId(name))));
        api.MapGet("/hosts/{name}/health", Named(name => fleet.HealthOf(new HostId(name))));
        api.MapPut("/hosts/{name}/bmc", Named<BmcRequest, HostHealthView>(
            (name, request) => fleet.SetBmc(new HostId(name), request)));
        api.MapDelete("/hosts/{name}/bmc", Named(name => fleet.SetBmc(new HostId(name), null)));
        api.MapDelete("/hosts/{name}", Named(name => fleet.Forget(new HostId(name))));
        api.MapPost("/hosts/{name}/cordon", Named<CordonRequest, HostChange>(
            (name, request) => fleet.SetCordon(new HostId(name), request.Reason)));
        api.MapPost("/hosts/{name}/uncordon", Named(name => fleet.SetCordon(new HostId(name), null)));
    }

    private static void MapVms(IEndpointRouteBuilder api, FleetService fleet, CancellationToken stopping)
    {
        api.MapGet("/vms", context => HttpExchange.WriteAsync<VmList>(context, new VmList(fleet.View().Vms)));
        api.MapPost("/vms", Body<CreateVmRequest, VmChange>(fleet.Create));
        api.MapPost("/vms/attach", Body<AttachVmRequest, VmChange>(fleet.Attach));
        api.MapGet("/vms/{name}", Named(name => fleet.Vm(new VmId(name))));
        api.MapDelete("/vms/{name}", context => HttpExchange.NameIn(context) is { Value: { } name }
            ? HttpExchange.WriteAsync(context, fleet.Delete(new VmId(name), context.Request.Query["force"] == "true"))
            : HttpExchange.WriteAsync(context, HttpExchange.NameIn(context).Problem!));
        api.MapPost("/vms/{name}/start", Named(name => fleet.SetPower(new VmId(name), DesiredPower.Running)));
        api.MapPost("/vms/{name}/stop", Named(name => fleet.SetPower(new VmId(name), DesiredPower.Stopped)));
        api.MapPut("/vms/{name}/policy", Named<ProtectRequest, VmChange>(
            (name, request) => fleet.SetPolicy(new VmId(name), request.Policy)));
        api.MapPost("/vms/{name}/plug", Named<PlugRequest, VmChange>(
            (name, request) => fleet.Plug(new VmId(name), request)));
        api.MapPost("/vms/{name}/actions", Named<ActionRequest, ActionView>(
            (name, request) => fleet.BeginAction(new VmId(name), request)));
        api.MapGet("/vms/{name}/decision", Named(name => fleet.Decision(new VmId(name))));
        api.MapPost("/vms/{name}/approve", Named(name => fleet.Approve(new VmId(name))));
        api.MapPost("/vms/{name}/takeover", context => TakeoverAsync(context, fleet, stopping));
    }

    private static RequestDelegate Named<TAnswer>(Func<string, Outcome<TAnswer>> answer)
        where TAnswer : class => context =>
    {
        var name = HttpExchange.NameIn(context);
        return HttpExchange.WriteAsync(context, name.Value is { } value ? answer(value) : name.Problem!);
    };

    private static RequestDelegate Named<TRequest, TAnswer>(Func<string, TRequest, Outcome<TAnswer>> answer)
        where TRequest : class
        where TAnswer : class => async context =>
    {
        var name = HttpExchange.NameIn(context);
        var request = await HttpExchange.ReadAsync<TRequest>(context).ConfigureAwait(false);
        var problem = name.Problem ?? request.Problem;
        await HttpExchange.WriteAsync(context, problem ?? answer(name.Value!, request.Value!)).ConfigureAwait(false);
    };

    private static RequestDelegate Body<TRequest, TAnswer>(Func<TRequest, Outcome<TAnswer>> answer)
        where TRequest : class
        where TAnswer : class => async context =>
    {
        var request = await HttpExchange.ReadAsync<TRequest>(context).ConfigureAwait(false);
        await HttpExchange.WriteAsync(context, request.Value is { } value ? answer(value) : request.Problem!)
            .ConfigureAwait(false);
    };

    private static async Task TakeoverAsync(HttpContext context, FleetService fleet, CancellationToken stopping)
    {
        var name = HttpExchange.NameIn(context);
        var request = await HttpExchange.ReadAsync<TakeoverRequest>(context).ConfigureAwait(false);
        if ((name.Problem ?? request.Problem) is { } problem)
        {
            await HttpExchange.WriteAsync<ActionView>(context, problem).ConfigureAwait(false);
            return;
        }

        // Once a host is being turned off, that is seen through, whoever asked for it and has gone since.
        var power = new BmcPower(TimeProvider.System, BmcPower.TimeMaxDefault);
        await HttpExchange.WriteAsync(
            context, await fleet.TakeoverAsync(new VmId(name.Value!), request.Value!, power, stopping)
                .ConfigureAwait(false)).ConfigureAwait(false);
    }

    private static async Task EventsAsync(HttpContext context, FleetService fleet, CancellationToken stopping)
    {
        long since = HttpExchange.Number(context, "since", 0, long.MaxValue);
        int limit = (int)Math.Max(1, HttpExchange.Number(context, "limit", 100, EventsPerPageMax));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        Outcome<EventPage> page = await fleet.EventsAsync(since, limit, HttpExchange.Wait(context), stop.Token)
            .ConfigureAwait(false);
        await HttpExchange.WriteAsync(context, page).ConfigureAwait(false);
    }

    private static async Task ActionAsync(HttpContext context, FleetService fleet, CancellationToken stopping)
    {
        var name = HttpExchange.NameIn(context);
        string id = context.Request.RouteValues["id"] as string ?? "";
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        await HttpExchange.WriteAsync(context, name.Value is { } value
            ? await fleet.ActionAsync(new VmId(value), id, HttpExchange.Wait(context), stop.Token).ConfigureAwait(false)
            : name.Problem!).ConfigureAwait(false);
    }
}
