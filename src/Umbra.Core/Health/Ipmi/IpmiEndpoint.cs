using System.Globalization;

namespace Umbra.Core.Health.Ipmi;

/// <summary>A BMC's address on the network: <c>ipmi://USER@HOST[:PORT]</c>.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">UDP port.</param>
/// <param name="User">Who logs in.</param>
public sealed record IpmiEndpoint(string Host, int Port, string User)
{
    /// <summary>Port of IPMI over LAN.</summary>
    public const int PortDefault = 623;

    private const string Scheme = "ipmi://";

    private const int HostCharsMax = 253, UserCharsMax = 16;

    /// <summary>The address in <paramref name="text"/>; null with the reason in <paramref name="error"/>.</summary>
    public static IpmiEndpoint? TryParse(string text, out string error)
    {
        error = "a BMC is named as ipmi://USER@HOST or ipmi://USER@HOST:PORT";
        if (!text.StartsWith(Scheme, StringComparison.Ordinal)) return null;
        string rest = text[Scheme.Length..];
        int at = rest.LastIndexOf('@');
        if (at <= 0) return null;
        string user = rest[..at], host = rest[(at + 1)..].TrimEnd('/');
        int port = PortDefault;
        int colon = host.LastIndexOf(':');
        // An IPv6 address stands in brackets.
        if (colon > host.LastIndexOf(']'))
        {
            if (!int.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port))
                return null;
            host = host[..colon];
        }

        host = host.Trim('[', ']');
        if (!AreValid(host, port, user)) return null;
        error = "";
        return new IpmiEndpoint(host, port, user);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        Scheme + $"{User}@{(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port.ToString(CultureInfo.InvariantCulture)}";

    // They become arguments of a program: none may look like an option.
    private static bool AreValid(string host, int port, string user) =>
        host.Length is > 0 and <= HostCharsMax && port is > 0 and <= 65535 && user.Length is > 0 and <= UserCharsMax
        && char.IsAsciiLetterOrDigit(host[0]) | host[0] == ':' && user[0] != '-'
        && host.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or ':' or '%')
        && user.All(static c => !char.IsControl(c) && !char.IsWhiteSpace(c));
}
