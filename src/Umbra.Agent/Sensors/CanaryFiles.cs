using Umbra.Agent.State;
using Umbra.Core.Basics;

namespace Umbra.Agent.Sensors;

/// <summary>Where the disk canaries have their files.</summary>
internal static class CanaryFiles
{
    /// <summary>That of a directory; in one that is not the agent's own it is hidden and has the host's name.</summary>
    public static string In(string directory, AgentPaths paths, HostId host) => directory == paths.State
        ? Path.Combine(directory, "disk-canary")
        : Path.Combine(directory, $".umbra-canary-{host}");
}
