using Microsoft.AspNetCore.Http;
using Umbra.Controller.Fleet;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Controller.Http;

/// <summary>
/// Who calls: the client certificate, which the handshake has already checked against the fleet's CA, names a host or
/// an administrator. Agents reach the agents' endpoints, administrators the others; only joining needs nobody's word.
/// </summary>
internal static class Callers
{
    private static readonly object Key = new();

    /// <summary>Why the call may not go on; null: it may.</summary>
    public static ApiProblem? Admit(HttpContext context, FleetService fleet)
    {
        var path = context.Request.Path;
        if (path.Equals(ApiPaths.AgentJoin, StringComparison.OrdinalIgnoreCase)) return null;
        if (path.Equals(ApiPaths.AgentAuthority, StringComparison.OrdinalIgnoreCase)) return null;
        if (context.Connection.ClientCertificate is not { } certificate) return Problems.NoCertificate;
        if (FleetCertificates.IdentityOf(certificate) is not { } caller) return Problems.NoCertificate;
        context.Items[Key] = caller;
        var wanted = path.StartsWithSegments("/agent", StringComparison.OrdinalIgnoreCase)
            ? FleetRole.Host
            : FleetRole.Admin;
        if (caller.Role != wanted) return Problems.Forbidden(
            $"this is for a certificate of role {wanted}, and yours is of {caller.Role}".ToLowerInvariant());
        return wanted == FleetRole.Host
            ? fleet.WhyNotHost(new HostId(caller.Name), FleetCertificates.KeyFingerprint(certificate))
            : null;
    }

    /// <summary>The host that calls.</summary>
    public static HostId Host(HttpContext context)
    {
        var caller = context.Items[Key] as FleetIdentity;
        Invariant.Holds(caller is { Role: FleetRole.Host }, "an agent's endpoint was reached by a host");
        return new HostId(caller.Name);
    }
}
