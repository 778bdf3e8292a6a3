using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>
/// POST <c>/api/v1/vms</c>: creates and starts a VM; an identical one that exists already is left alone.
/// </summary>
public sealed record CreateVmRequest
{
    /// <summary>The VM.</summary>
    public required VmDefinition Definition { get; init; }

    /// <summary>Its policy.</summary>
    public ProtectionPolicy Policy { get; init; } = new();

    /// <summary>Host to run it on; null: the controller chooses.</summary>
    public HostId? Host { get; init; }

    /// <summary>What it should be doing once created.</summary>
    public DesiredPower Power { get; init; } = DesiredPower.Running;
}

/// <summary>POST <c>/api/v1/vms/attach</c>: takes over a running VM that Umbra did not start.</summary>
public sealed record AttachVmRequest
{
    /// <summary>Its name in the fleet.</summary>
    public required VmId Name { get; init; }

    /// <summary>Host where it runs.</summary>
    public required HostId Host { get; init; }

    /// <summary>Which process it is.</summary>
    public required AttachTarget Target { get; init; }

    /// <summary>Its policy.</summary>
    public ProtectionPolicy Policy { get; init; } = new();
}

/// <summary>POST <c>/api/v1/vms/NAME/plug</c>: adds devices to a VM, running or not.</summary>
public sealed record PlugRequest
{
    /// <summary>Disks to add.</summary>
    public IReadOnlyList<DiskDefinition> Disks { get; init; } = [];

    /// <summary>Interfaces to add.</summary>
    public IReadOnlyList<NicDefinition> Nics { get; init; } = [];
}

/// <summary>PUT <c>/api/v1/vms/NAME/policy</c>: how the VM is protected from now on.</summary>
public sealed record ProtectRequest
{
    /// <summary>The whole policy.</summary>
    public required ProtectionPolicy Policy { get; init; }
}

/// <summary>POST <c>/api/v1/vms/NAME/actions</c>: something to do once.</summary>
public sealed record ActionRequest
{
    /// <summary>
    /// <see cref="VmActionKind.Sync"/>, <see cref="VmActionKind.Verify"/>, <see cref="VmActionKind.Swap"/> or
    /// <see cref="VmActionKind.SwapRehearsal"/>.
    /// </summary>
    public required VmActionKind Kind { get; init; }

    /// <summary>Why, for the events.</summary>
    public string Reason { get; init; } = "asked for by an operator";

    /// <summary>
    /// Swap only: the primary's host is under suspicion, and is cordoned once it has lost the VM.
    /// </summary>
    public bool Suspect { get; init; }
}

/// <summary>
/// POST <c>/api/v1/vms/NAME/takeover</c>: runs the shadow's last epoch, given proof that the primary is off.
/// </summary>
public sealed record TakeoverRequest
{
    /// <summary>
    /// A person's word that this host, the primary's, is off: its name typed out. Null: the proof must come from the
    /// agent or the lease.
    /// </summary>
    public HostId? ConfirmedOff { get; init; }

    /// <summary>
    /// Turn the primary's host off through its BMC, if it is not heard any more, and take the BMC's word as the proof.
    /// </summary>
    public bool PowerOff { get; init; }

    /// <summary>Why, for the events.</summary>
    public string Reason { get; init; } = "asked for by an operator";
}

/// <summary>POST <c>/api/v1/hosts/NAME/cordon</c>: nothing new is placed on the host.</summary>
public sealed record CordonRequest
{
    /// <summary>Why.</summary>
    public string Reason { get; init; } = "cordoned by an operator";
}

/// <summary>PUT <c>/api/v1/hosts/NAME/bmc</c>: how the controller turns the host off; DELETE forgets it.</summary>
/// <param name="Address"><c>ipmi://USER@HOST[:PORT]</c>; the user needs the privilege OPERATOR.</param>
/// <param name="Password">His password there. It is not shown again.</param>
public sealed record BmcRequest(string Address, string Password)
{
    /// <summary>Without the password.</summary>
    public override string ToString() => Address;
}

/// <summary>POST <c>/api/v1/tokens</c>: a join token for new hosts.</summary>
public sealed record TokenRequest
{
    /// <summary>How long it can be used. One minute to 30 days.</summary>
    public TimeSpan ValidFor { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How many hosts can join by it. 1 to 1000.</summary>
    public int Uses { get; init; } = 1;
}

/// <summary>Answer to <see cref="TokenRequest"/>. The token is shown this once.</summary>
/// <param name="Token">One word for <c>umbra agent run --join</c>.</param>
/// <param name="Expires">When it ends.</param>
/// <param name="Uses">How many hosts can join by it.</param>
public sealed record TokenReply(string Token, DateTimeOffset Expires, int Uses);
