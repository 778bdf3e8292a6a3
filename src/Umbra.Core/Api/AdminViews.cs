using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>GET <c>/api/v1/hosts/NAME</c>: one host as the controller sees it.</summary>
public sealed record HostView
{
    /// <summary>Its name.</summary>
    public required HostId Name { get; init; }

    /// <summary>As its agent describes it; null before its first heartbeat.</summary>
    public HostDescription? Description { get; init; }

    /// <summary>Whether its agent is heard.</summary>
    public required bool Alive { get; init; }

    /// <summary>Since its agent was last heard; null: not since the controller started.</summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>Why nothing new is placed on it; null: it is not cordoned.</summary>
    public string? Cordon { get; init; }

    /// <summary>When it joined.</summary>
    public required DateTimeOffset Joined { get; init; }

    /// <summary>Memory that its primaries, shadows and not yet removed copies take, bytes.</summary>
    public required long ReservedBytes { get; init; }

    /// <summary>VMs that run there.</summary>
    public required IReadOnlyList<VmId> Primaries { get; init; }

    /// <summary>VMs whose shadow is there.</summary>
    public required IReadOnlyList<VmId> Shadows { get; init; }

    /// <summary>VMs of which an old copy is still to be destroyed there.</summary>
    public required IReadOnlyList<VmId> Removing { get; init; }
}

/// <summary>GET <c>/api/v1/hosts</c>.</summary>
public sealed record HostList(IReadOnlyList<HostView> Hosts);

/// <summary>GET <c>/api/v1/vms/NAME</c>: one VM as the controller sees it.</summary>
public sealed record VmView
{
    /// <summary>Its definition; the one that runs, when the primary's agent knows better.</summary>
    public required VmDefinition Definition { get; init; }

    /// <summary>Its policy.</summary>
    public required ProtectionPolicy Policy { get; init; }

    /// <summary>What it should be doing.</summary>
    public required DesiredPower Power { get; init; }

    /// <summary>Whether it is being deleted.</summary>
    public required bool Deleting { get; init; }

    /// <summary>Newest generation.</summary>
    public required Generation Generation { get; init; }

    /// <summary>Host that may run it.</summary>
    public required HostId Primary { get; init; }

    /// <summary>Host of its shadow; null: it has none.</summary>
    public HostId? Shadow { get; init; }

    /// <summary>How well it is protected.</summary>
    public required ProtectionState Protection { get; init; }

    /// <summary>Why it is in that state; never empty.</summary>
    public required string Reason { get; init; }

    /// <summary>What its guest is doing, as last heard.</summary>
    public required GuestState Guest { get; init; }

    /// <summary>As last heard from the primary's agent; null: nothing under this generation yet.</summary>
    public VmStatus? PrimaryStatus { get; init; }

    /// <summary>As last heard from the shadow's agent; null: nothing yet.</summary>
    public VmStatus? ShadowStatus { get; init; }

    /// <summary>Age of <see cref="PrimaryStatus"/>.</summary>
    public TimeSpan StatusAge { get; init; }

    /// <summary>The action under way; null: none.</summary>
    public ActionView? Action { get; init; }

    /// <summary>Hosts where an old copy is still to be destroyed.</summary>
    public IReadOnlyList<HostId> Removing { get; init; } = [];
}

/// <summary>GET <c>/api/v1/vms</c>.</summary>
public sealed record VmList(IReadOnlyList<VmView> Vms);

/// <summary>Answer to the creation of a VM and the like.</summary>
/// <param name="Changed">False: it was so already.</param>
/// <param name="Vm">The VM now.</param>
public sealed record VmChange(bool Changed, VmView Vm);

/// <summary>Answer to cordon and uncordon.</summary>
/// <param name="Changed">False: it was so already.</param>
/// <param name="Host">The host now.</param>
public sealed record HostChange(bool Changed, HostView Host);

/// <summary>GET <c>/api/v1/vms/NAME/actions/ID</c>: an action and, once it has one, its result.</summary>
public sealed record ActionView
{
    /// <summary>The action.</summary>
    public required VmAction Action { get; init; }

    /// <summary>The VM.</summary>
    public required VmId Vm { get; init; }

    /// <summary>Host that carries it out.</summary>
    public required HostId Target { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>How it went; null while it is under way.</summary>
    public VmActionResult? Result { get; init; }
}

/// <summary>GET <c>/api/v1/events?since=N&amp;limit=M&amp;wait=MILLISECONDS</c>.</summary>
/// <param name="Events">Those with a higher number, ascending.</param>
/// <param name="Oldest">Lowest number that is still kept; 0: none.</param>
/// <param name="Newest">Highest number given; ask on from the last event of the list.</param>
public sealed record EventPage(IReadOnlyList<FleetEvent> Events, long Oldest, long Newest);

/// <summary>GET <c>/api/v1/fleet</c>: everything that <c>umbra status</c> shows.</summary>
public sealed record FleetView(
    string Version, DateTimeOffset Started, IReadOnlyList<HostView> Hosts, IReadOnlyList<VmView> Vms);

/// <summary>
/// How a program reaches the controller as an administrator: the file <c>STATE/admin.json</c> that the controller
/// writes (0600), which the CLI reads.
/// </summary>
/// <param name="Url">The controller's URL.</param>
/// <param name="Authority">The fleet CA's certificate, PEM.</param>
/// <param name="Certificate">The client's certificate, PEM.</param>
/// <param name="PrivateKey">Its key, PKCS #8 PEM.</param>
public sealed record ClientCredential(string Url, string Authority, string Certificate, string PrivateKey);
