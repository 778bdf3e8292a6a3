using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Controller.Security;

/// <summary>
/// The fleet's own certificate authority: one P-256 key in the controller's state directory. It signs certificates for
/// hosts, administrators and the controller itself, and nothing else is trusted by anybody in the fleet.
/// </summary>
public sealed class FleetAuthority : IDisposable
{
    /// <summary>How long the CA's own certificate is valid.</summary>
    public static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(365 * 20);

    /// <summary>How long the certificates that it signs are valid.</summary>
    public static readonly TimeSpan CertificateLifetime = TimeSpan.FromDays(365 * 5);

    /// <summary>Certificates are valid from this long before they are made: clocks of hosts differ.</summary>
    public static readonly TimeSpan Backdating = TimeSpan.FromHours(1);

    private const string CertificateFile = "ca.pem";
    private const string KeyFile = "ca.key";
    private const string ServerAuthenticationOid = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthenticationOid = "1.3.6.1.5.5.7.3.2";

    private readonly TimeProvider _time;

    private FleetAuthority(X509Certificate2 certificate, TimeProvider time)
    {
        Certificate = certificate;
        _time = time;
        PublicCertificate = X509CertificateLoader.LoadCertificate(certificate.RawData);
        Fingerprint = FleetCertificates.Fingerprint(certificate);
    }

    /// <summary>The CA's certificate with its key.</summary>
    private X509Certificate2 Certificate { get; }

    /// <summary>The CA's certificate alone.</summary>
    public X509Certificate2 PublicCertificate { get; }

    /// <summary>SHA-256 of the CA's certificate, hex.</summary>
    public string Fingerprint { get; }

    /// <summary>The CA's certificate, PEM.</summary>
    public string CertificatePem => PublicCertificate.ExportCertificatePem();

    /// <summary>Loads the CA of <paramref name="stateDirectory"/>, or makes one there.</summary>
    public static FleetAuthority LoadOrCreate(string stateDirectory, TimeProvider time)
    {
        string certificatePath = Path.Combine(stateDirectory, CertificateFile);
        string keyPath = Path.Combine(stateDirectory, KeyFile);
        if (!File.Exists(certificatePath))
        {
            using var key = ECDsa.Create(FleetCertificates.Curve);
            using var made = CreateCertificate(key, time.GetUtcNow());
            // The key first: a certificate without its key would be taken for a whole CA.
            PrivateFiles.Write(keyPath, key.ExportPkcs8PrivateKeyPem());
            PrivateFiles.Write(certificatePath, made.ExportCertificatePem());
        }

        return new FleetAuthority(X509Certificate2.CreateFromPemFile(certificatePath, keyPath), time);
    }

    /// <summary>
    /// Signs a certificate for a host's request (PKCS #10, PEM); null with the reason in <paramref name="error"/>.
    /// Nothing of the request but its key is taken over.
    /// </summary>
    public X509Certificate2? SignHost(HostId host, string requestPem, out string error)
    {
        error = "";
        try
        {
            var request = CertificateRequest.LoadSigningRequestPem(requestPem, HashAlgorithmName.SHA256);
            using var key = request.PublicKey.GetECDsaPublicKey();
            if (key is { KeySize: 256 }) return Sign(request.PublicKey, new FleetIdentity(FleetRole.Host, host.Value));
            error = "the key must be an elliptic curve key on P-256";
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            error = "the certificate request does not parse or its signature is wrong: " + exception.Message;
        }

        return null;
    }

    /// <summary>Makes a key and a certificate for <paramref name="identity"/>.</summary>
    public (string CertificatePem, string KeyPem) Issue(FleetIdentity identity)
    {
        using var key = ECDsa.Create(FleetCertificates.Curve);
        using var certificate = Sign(new PublicKey(key), identity);
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Certificate.Dispose();
        PublicCertificate.Dispose();
    }

    private static X509Certificate2 CreateCertificate(ECDsa key, DateTimeOffset now)
    {
        var request = new CertificateRequest("CN=Umbra fleet CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.CreateSelfSigned(now - Backdating, now + AuthorityLifetime);
    }

    private X509Certificate2 Sign(PublicKey key, FleetIdentity identity)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(identity.ToUri()));
        names.AddDnsName(identity.Name);
        var request = new CertificateRequest(
            new X500DistinguishedName("CN=" + identity.Name), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(ServerAuthenticationOid), new Oid(ClientAuthenticationOid)], false));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key, false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(PublicCertificate, true, false));
        var now = _time.GetUtcNow();
        return request.Create(
            Certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(Certificate.GetECDsaPrivateKey()!),
            now - Backdating, now + CertificateLifetime, RandomNumberGenerator.GetBytes(16));
    }
}
