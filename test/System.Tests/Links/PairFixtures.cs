using System.Security.Cryptography.X509Certificates;
using Umbra.Agent.Links;
using Umbra.Agent.State;
using Umbra.Controller.Security;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Linux.Native;

namespace Umbra.System.Tests.Links;

/// <summary>What both ends of a pair's connection need before there is one.</summary>
internal static class PairFixtures
{
    /// <summary>The first frame of a source, encoded.</summary>
    public static byte[] Hello()
    {
        var hello = new SourceHello(new VmId("web"), new Generation(1), 1, 16, []);
        byte[] frame = new byte[PairCodec.EncodedBytesMax(hello)];
        return frame[..new PairCodec(new XxHash3()).Encode(hello, frame)];
    }

    /// <summary>A host of a fleet, as its agent finds it in a state directory of its own once it has joined.</summary>
    /// <param name="authority">Of the fleet.</param>
    /// <param name="host">Its name.</param>
    /// <param name="directory">Where the state directory is made.</param>
    public static HostIdentity Join(FleetAuthority authority, HostId host, string directory)
    {
        var paths = new AgentPaths(Path.Combine(directory, "state-" + Guid.NewGuid().ToString("N")), directory);
        using X509Certificate2 certificate = authority.SignHost(
            host, HostIdentity.MakeRequest(paths, host), out string error)
            ?? throw new InvalidOperationException(error);
        var reply = new JoinReply(certificate.ExportCertificatePem(), authority.CertificatePem);
        return HostIdentity.Keep(paths, host, "https://127.0.0.1:1", reply);
    }
}
