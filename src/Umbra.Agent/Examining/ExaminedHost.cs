using Umbra.Agent.Sensors;
using Umbra.Agent.State;
using Umbra.Core.Basics;

namespace Umbra.Agent.Examining;

/// <summary>What an examination needs of its host.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Paths">Where its agent keeps things.</param>
/// <param name="Canaries">Its canaries, the very ones that VMs' sensors use.</param>
internal sealed record ExaminedHost(HostId Host, AgentPaths Paths, HostCanaries Canaries)
{
    /// <summary>Where the kernel's files are: <c>/</c>, or a copy of some in tests.</summary>
    public string Root { get; init; } = "/";

    /// <summary>Whether no process of a VM is there.</summary>
    public required Func<VmId, bool> IsGone { get; init; }

    /// <summary>VMs and shadows that are there.</summary>
    public required Func<int> CountHere { get; init; }

    /// <summary>Called when there is a result that the controller should get at once; must return soon.</summary>
    public required Action Changed { get; init; }

    /// <summary>Tells an operator of what could not be read or kept.</summary>
    public required Action<string> Complain { get; init; }
}
