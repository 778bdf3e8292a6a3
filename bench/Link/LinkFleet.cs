using Umbra.Agent.State;
using Umbra.Controller.Security;
using Umbra.Core.Api;

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
        Directory.CreateDirectory(paths.Identity);
        (string certificate, string key) = _authority.Issue(new FleetIdentity(FleetRole.Host, host));
        File.WriteAllText(Path.Combine(paths.Identity, "host.key"), key);
        File.WriteAllText(Path.Combine(paths.Identity, "host.crt"), certificate);
        File.WriteAllText(Path.Combine(paths.Identity, "authority.crt"), _authority.CertificatePem);
        File.WriteAllText(Path.Combine(paths.Identity, "controller.url"), "https://127.0.0.1:1");
        return paths.State;
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
