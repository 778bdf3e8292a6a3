using System.Security.Cryptography.X509Certificates;
using Umbra.Agent.Links;
using Umbra.Agent.State;
using Umbra.Controller.Security;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Bench.Link;

/// <summary>A fleet of two hosts that exists for their certificates alone.</summary>
internal sealed class LinkFleet : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-bench-link-").FullName;
    private readonly FleetAuthority _authority;

    public LinkFleet() => _authority = FleetAuthority.LoadOrCreate(_directory, TimeProvider.System);

    /// <summary>A state directory as an agent of that name has it once it has joined.</summary>
    public string StateOf(string host)
    {
        var paths = new AgentPaths(Path.Combine(_directory, host), _directory);
        var name = new HostId(host);
        using X509Certificate2 certificate = _authority.SignHost(
            name, HostIdentity.MakeRequest(paths, name), out string error)
            ?? throw new InvalidOperationException(error);
        var reply = new JoinReply(certificate.ExportCertificatePem(), _authority.CertificatePem);
        _ = HostIdentity.Keep(paths, name, "https://127.0.0.1:1", reply);
        return paths.State;
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
