using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Api;

namespace Umbra.Controller.Security;

/// <summary>The controller's own server certificate and the credential that it leaves for its administrator.</summary>
public static class ControllerCredentials
{
    /// <summary>Name of the administrator's credential in the state directory.</summary>
    public const string AdminFile = "admin.json";

    /// <summary>
    /// A server certificate. It is made anew at each start: clients know the controller by the CA and the role in the
    /// certificate, not by its key.
    /// </summary>
    public static X509Certificate2 CreateServerCertificate(FleetAuthority authority)
    {
        var (certificate, key) = authority.Issue(new FleetIdentity(FleetRole.Controller, "umbra-controller"));
        return X509Certificate2.CreateFromPem(certificate, key);
    }

    /// <summary>
    /// Leaves the administrator's credential in the state directory, or puts <paramref name="url"/> into the one that
    /// is there; where it is.
    /// </summary>
    public static string WriteAdmin(string stateDirectory, string url, FleetAuthority authority, TimeProvider time)
    {
        string path = Path.Combine(stateDirectory, AdminFile);
        var kept = ReadUsable(path, authority, time);
        if (kept?.Url == url) return path;
        if (kept is null)
        {
            var (certificate, key) = authority.Issue(new FleetIdentity(FleetRole.Admin, "admin"));
            kept = new ClientCredential(url, authority.CertificatePem, certificate, key);
        }

        PrivateFiles.Write(path, FleetJson.SerializeToText(kept with { Url = url }, indented: true) + "\n");
        return path;
    }

    private static ClientCredential? ReadUsable(string path, FleetAuthority authority, TimeProvider time)
    {
        if (!File.Exists(path)) return null;
        var credential = FleetJson.TryDeserialize<ClientCredential>(File.ReadAllBytes(path), out _);
        if (credential is null) return null;
        using var certificate = X509Certificate2.CreateFromPem(credential.Certificate);
        var in30Days = time.GetUtcNow().AddDays(30);
        return FleetCertificates.Verify(certificate, authority.PublicCertificate, in30Days, out _) is null
            ? null
            : credential;
    }
}
