using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Core.Api;

/// <summary>
/// What an agent tells the controller, several times a second and at once when something changes. The controller may
/// hold the answer back until it has news (<see cref="HeartbeatAnswer"/>), <see cref="HoldMax"/> at the longest.
/// POST <c>/agent/v1/heartbeat</c>.
/// </summary>
public sealed record AgentHeartbeat
{
    /// <summary>The controller answers within this even without news.</summary>
    public static readonly TimeSpan HoldMax = TimeSpan.FromMilliseconds(500);

    /// <summary>The host as it is now.</summary>
    public required HostDescription Host { get; init; }

    /// <summary>Random per agent process.</summary>
    public required string Instance { get; init; }

    /// <summary>Counts up within the instance; an older one than seen is ignored.</summary>
    public required long Sequence { get; init; }

    /// <summary>Revision of the assignments that the agent has; 0 when none.</summary>
    public required long SeenRevision { get; init; }

    /// <summary>Its VMs.</summary>
    public required IReadOnlyList<VmStatus> Vms { get; init; }

    /// <summary>Events since the last heartbeat that was answered.</summary>
    public IReadOnlyList<FleetEvent> Events { get; init; } = [];

    /// <summary>Its hardware, when there is news of it or none was told for some time; null: as told last.</summary>
    public HostHealth? Health { get; init; }

    /// <summary>Results of the examinations that it is asked for; at most as many as it is asked for at once.</summary>
    public IReadOnlyList<Examination> Examinations { get; init; } = [];
}

/// <summary>The controller's answer: the whole desired state of the host.</summary>
/// <param name="Revision">Changes whenever anything else here does.</param>
/// <param name="Assignments">
/// All of them. A VM of which the agent has something and that is not here: see Removed.
/// </param>
/// <param name="Removed">
/// VMs whose remains on this host are to be destroyed: named one by one, so that an empty or young controller destroys
/// nothing by forgetting.
/// </param>
public sealed record HeartbeatAnswer(
    long Revision, IReadOnlyList<Assignment> Assignments, IReadOnlyList<VmId> Removed)
{
    /// <summary>Examinations to make; a result for one that is not named here any more is not needed.</summary>
    public IReadOnlyList<ExaminationRequest> Examinations { get; init; } = [];
}

/// <summary>POST <c>/agent/v1/fence</c>: claims a VM's next generation for the calling host.</summary>
public sealed record FenceRequest(VmId Vm, FenceClaim Claim, string Cause);

/// <summary>Answer to <see cref="FenceRequest"/>.</summary>
public sealed record FenceReply(FenceAnswer Answer);

/// <summary>POST <c>/agent/v1/join</c> (no client certificate yet): a host asks for its certificate.</summary>
/// <param name="Token">Secret of the join token.</param>
/// <param name="Host">Name it wants.</param>
/// <param name="CertificateRequest">PKCS #10, PEM.</param>
public sealed record JoinRequest(string Token, HostId Host, string CertificateRequest);

/// <summary>Answer to <see cref="JoinRequest"/>: the host's certificate and the fleet's CA, PEM.</summary>
public sealed record JoinReply(string Certificate, string Authority);
