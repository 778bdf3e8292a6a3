using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Umbra.Controller.Fleet;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Controller.Http;

/// <summary>Reading requests and writing answers, the same for every endpoint.</summary>
internal static class HttpExchange
{
    private const string ProblemType = "application/problem+json";

    /// <summary>Reads the body as JSON; an empty one is taken for <c>{}</c>.</summary>
    public static async Task<Outcome<T>> ReadAsync<T>(HttpContext context, int bytesMax = FleetJson.BodyBytesMax)
        where T : class
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = bytesMax;
        if (context.Request.ContentLength > bytesMax) return Problems.TooLarge;
        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted).ConfigureAwait(false);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return Problems.TooLarge;
        }
        catch (BadHttpRequestException exception)
        {
            return Problems.Invalid(exception.Message) with { Status = exception.StatusCode };
        }
        catch (IOException exception)
        {
            // The body may end before the request counts as aborted.
            throw new OperationCanceledException("the caller hung up", exception);
        }

        var bytes = body.GetBuffer().AsSpan(0, (int)body.Length);
        var value = FleetJson.TryDeserialize<T>(bytes.IsEmpty ? "{}"u8 : bytes, out string error);
        return value is null ? Problems.Invalid("the body does not parse: " + error) : value;
    }

    /// <summary>Answers with the value, or with the problem.</summary>
    public static Task WriteAsync<T>(HttpContext context, Outcome<T> outcome)
        where T : class =>
        outcome.Problem is { } problem
            ? WriteAsync(context, problem)
            : WriteAsync(context, 200, "application/json", outcome.Value!);

    /// <summary>Answers with the problem.</summary>
    public static Task WriteAsync(HttpContext context, ApiProblem problem) =>
        WriteAsync(context, problem.Status, ProblemType, problem);

    /// <summary>The VM named in the path.</summary>
    public static Outcome<string> NameIn(HttpContext context)
    {
        string? name = context.Request.RouteValues["name"] as string;
        return Names.IsValid(name) ? name! : Problems.Invalid($"'{name}' is no name: 1-63 of a-z 0-9 -");
    }

    /// <summary>A whole number of the query, at least 0 and at most <paramref name="max"/>.</summary>
    public static long Number(HttpContext context, string key, long fallback, long max) =>
        long.TryParse(context.Request.Query[key], out long value) ? Math.Clamp(value, 0, max) : fallback;

    /// <summary>How long the caller wants to wait (<c>?wait=</c>, milliseconds), within what is allowed.</summary>
    public static TimeSpan Wait(HttpContext context) =>
        TimeSpan.FromMilliseconds(Number(context, "wait", 0, (long)ApiPaths.WaitMax.TotalMilliseconds));

    private static async Task WriteAsync<T>(HttpContext context, int status, string type, T value)
    {
        byte[] json = FleetJson.Serialize(value);
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = json.Length;
        await context.Response.Body.WriteAsync(json, context.RequestAborted).ConfigureAwait(false);
    }
}
