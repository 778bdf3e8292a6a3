using System.Globalization;
using Umbra.Core.Health.Ipmi;

namespace Umbra.Agent.Health;

/// <summary>Where a BMC is spoken to: over the network, or through this machine's own device.</summary>
/// <param name="Endpoint">The BMC's address; null: <c>/dev/ipmi0</c>.</param>
/// <param name="PasswordFile">File with the password, one line; null: none is needed.</param>
public sealed record BmcAddress(IpmiEndpoint? Endpoint, string? PasswordFile)
{
    /// <summary>The options of ipmitool that lead there. The password is in a file that ipmitool reads.</summary>
    public IReadOnlyList<string> Options => Endpoint is null
        ? ["-I", "open"]
        : [
            "-I", "lanplus", "-C", "3", "-L", "USER", "-H", Endpoint.Host,
            "-p", Endpoint.Port.ToString(CultureInfo.InvariantCulture), "-U", Endpoint.User,
            .. PasswordFile is { } file ? new[] { "-f", file } : [],
        ];
}
