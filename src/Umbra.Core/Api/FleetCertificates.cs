using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>What a certificate of the fleet stands for.</summary>
public enum FleetRole
{
    /// <summary>A host's agent: as a client to the controller, as server and client to other agents.</summary>
    Host = 0,

    /// <summary>A person or program that may do everything.</summary>
    Admin = 1,

    /// <summary>The controller.</summary>
    Controller = 2,
}

/// <summary>Who a certificate of the fleet names.</summary>
/// <param name="Role">What it stands for.</param>
/// <param name="Name">Which one.</param>
public sealed record FleetIdentity(FleetRole Role, string Name)
{
    /// <summary>As it stands in the certificate's subject alternative names: <c>umbra://host/NAME</c>.</summary>
    public string ToUri() => $"umbra://{RoleName(Role)}/{Name}";

    /// <summary>Reads what <see cref="ToUri"/> writes; null when it is anything else.</summary>
    public static FleetIdentity? TryParse(string uri)
    {
        foreach (var role in Enum.GetValues<FleetRole>())
        {
            string start = $"umbra://{RoleName(role)}/";
            if (!uri.StartsWith(start, StringComparison.Ordinal)) continue;
            string name = uri[start.Length..];
            return Names.IsValid(name) ? new FleetIdentity(role, name) : null;
        }

        return null;
    }

    private static string RoleName(FleetRole role) => role switch
    {
        FleetRole.Host => "host",
        FleetRole.Admin => "admin",
        _ => "controller",
    };
}

/// <summary>
/// The rules by which every party of the fleet trusts a certificate: it was signed by the fleet's own CA, is valid now
/// and names its owner by a URI. Addresses and DNS names play no part, so hosts may move. P-256 throughout.
/// </summary>
public static class FleetCertificates
{
    /// <summary>Curve of every key.</summary>
    public static ECCurve Curve => ECCurve.NamedCurves.nistP256;

    private const string SubjectAlternativeNameOid = "2.5.29.17";

    /// <summary>SHA-256 of the certificate, 64 lower-case hex digits: <see cref="JoinToken.CaFingerprint"/>.</summary>
    public static string Fingerprint(X509Certificate2 certificate) =>
        Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));

    /// <summary>SHA-256 of the certificate's public key (SubjectPublicKeyInfo), 64 lower-case hex digits.</summary>
    public static string KeyFingerprint(X509Certificate2 certificate) =>
        KeyFingerprint(certificate.PublicKey);

    /// <summary>SHA-256 of a public key (SubjectPublicKeyInfo), 64 lower-case hex digits.</summary>
    public static string KeyFingerprint(PublicKey key) =>
        Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));

    /// <summary>PKCS #10 request, PEM, by which a host asks for its certificate (<see cref="JoinRequest"/>).</summary>
    public static string CreateRequest(HostId host, ECDsa key) =>
        new CertificateRequest("CN=" + host.Value, key, HashAlgorithmName.SHA256).CreateSigningRequestPem();

    /// <summary>Who the certificate names; null when it is none of the fleet's. Says nothing of trust.</summary>
    public static FleetIdentity? IdentityOf(X509Certificate2 certificate)
    {
        foreach (var extension in certificate.Extensions)
        {
            if (extension.Oid?.Value != SubjectAlternativeNameOid) continue;
            var identity = IdentityIn(extension.RawData);
            if (identity is not null) return identity;
        }

        return null;
    }

    /// <summary>
    /// The identity of a peer whose certificate <paramref name="authority"/> signed and which is valid at
    /// <paramref name="now"/>; null with the reason in <paramref name="error"/>. Nothing is fetched or looked up.
    /// </summary>
    public static FleetIdentity? Verify(
        X509Certificate2 certificate, X509Certificate2 authority, DateTimeOffset now, out string error)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        bool trusted = chain.Build(certificate);
        error = trusted ? "" : "the certificate is not one of this fleet's CA: "
            + string.Join("; ", chain.ChainStatus.Select(static status => status.StatusInformation.Trim()));
        foreach (var element in chain.ChainElements) element.Certificate.Dispose();
        if (!trusted) return null;
        var identity = IdentityOf(certificate);
        if (identity is null) error = "the certificate names nobody of the fleet";
        return identity;
    }

    // GeneralNames ::= SEQUENCE OF GeneralName; uniformResourceIdentifier is [6] IA5String (RFC 5280, 4.2.1.6).
    private static FleetIdentity? IdentityIn(byte[] subjectAlternativeNames)
    {
        try
        {
            var names = new System.Formats.Asn1.AsnReader(
                subjectAlternativeNames, System.Formats.Asn1.AsnEncodingRules.DER)
                .ReadSequence();
            var uri = new System.Formats.Asn1.Asn1Tag(System.Formats.Asn1.TagClass.ContextSpecific, 6);
            while (names.HasData)
            {
                if (!names.PeekTag().HasSameClassAndValue(uri)) names.ReadEncodedValue();
                else if (FleetIdentity.TryParse(
                    names.ReadCharacterString(System.Formats.Asn1.UniversalTagNumber.IA5String, uri)) is { } identity)
                {
                    return identity;
                }
            }
        }
        catch (System.Formats.Asn1.AsnContentException)
        {
            // Not DER: it names nobody.
        }

        return null;
    }
}
