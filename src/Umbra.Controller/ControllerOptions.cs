using System.Net;
using Umbra.Core.Api;

namespace Umbra.Controller;

/// <summary>What a controller is told at start.</summary>
public sealed record ControllerOptions
{
    /// <summary>
    /// Directory of everything that must outlive it: its CA, its database, the administrator's credential.
    /// </summary>
    public required string StateDirectory { get; init; }

    /// <summary>Where it listens. Port 0 takes a free one.</summary>
    public IPEndPoint ListenEndpoint { get; init; } = new(IPAddress.Any, ApiPaths.ControllerPortDefault);

    /// <summary>
    /// The URL under which hosts and people reach it, for join tokens and the administrator's credential; null: made
    /// of the listen address or, when it listens everywhere, of the machine's name.
    /// </summary>
    public string? AdvertiseUrl { get; init; }
}
