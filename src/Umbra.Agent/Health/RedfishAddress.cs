using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Umbra.Agent.Health;

/// <summary>Where a Redfish service is, and who asks it.</summary>
/// <param name="Service">Its URL without a path.</param>
/// <param name="User">Who logs in; null: nobody needs to.</param>
/// <param name="PasswordFile">File with the password, one line.</param>
/// <param name="Pin">
/// SHA-256 of the service's certificate, hexadecimal: it is believed by this alone, as most BMCs have a certificate of
/// their own making. Null: it must be signed by somebody whom this machine trusts, for its name.
/// </param>
public sealed record RedfishAddress(Uri Service, string? User, string? PasswordFile, string? Pin)
{
    private const int PinChars = 64;

    /// <summary>The address in <paramref name="url"/>; null with the reason in <paramref name="error"/>.</summary>
    public static RedfishAddress? TryParse(string url, string? passwordFile, string? pin, out string error)
    {
        error = "";
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) || uri.PathAndQuery != "/"
            || uri.UserInfo.Contains(':'))
            error = "a Redfish service is named as https://USER@HOST or https://USER@HOST:PORT";
        else if (!IsProtected(uri))
            error = "a Redfish service is asked over https: a password must not go over the network as it is";
        else if (pin is not null && (pin.Length != PinChars || !pin.All(char.IsAsciiHexDigit)))
            error = "a pin is the SHA-256 of the service's certificate: 64 hexadecimal digits";
        if (error.Length > 0) return null;
        string user = Uri.UnescapeDataString(uri!.UserInfo);
        var service = new UriBuilder(uri) { UserName = "", Password = "" }.Uri;
        return new RedfishAddress(service, user.Length > 0 ? user : null, passwordFile, pin?.ToLowerInvariant());
    }

    // Plain HTTP stays within this machine: a proxy, or a test.
    private static bool IsProtected(Uri uri) =>
        uri.Scheme == Uri.UriSchemeHttps
        || (uri.Scheme == Uri.UriSchemeHttp && IPAddress.TryParse(uri.Host, out IPAddress? address)
            && IPAddress.IsLoopback(address));
}
