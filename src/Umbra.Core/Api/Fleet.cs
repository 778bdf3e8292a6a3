using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>Where a host stands and what it can take.</summary>
public sealed record HostDescription
{
    /// <summary>The host's name.</summary>
    public required HostId Name { get; init; }

    /// <summary>Rack it stands in.</summary>
    public required string Rack { get; init; }

    /// <summary>Power feed it hangs on.</summary>
    public required string PowerFeed { get; init; }

    /// <summary>Network segment it is wired to.</summary>
    public required string NetworkSegment { get; init; }

    /// <summary><c>address:port</c> where its agent takes pair connections.</summary>
    public required string PairEndpoint { get; init; }

    /// <summary>Memory it gives to VMs and shadows, bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>CPUs it has.</summary>
    public required int Cpus { get; init; }

    /// <summary>Versions of QEMU found, for people.</summary>
    public string QemuVersion { get; init; } = "";

    /// <summary>
    /// Machine types pinned to a version that QEMU offers there, in order; empty: its agent does not tell.
    /// </summary>
    public IReadOnlyList<string> MachineTypes { get; init; } = [];

    /// <summary>Accelerators that work there, best first (<c>kvm</c>, <c>tcg</c>).</summary>
    public IReadOnlyList<string> Accelerators { get; init; } = ["tcg"];
}

/// <summary>A host's part in a VM.</summary>
public enum VmRole
{
    /// <summary>None: whatever is left of the VM there is destroyed.</summary>
    None = 0,

    /// <summary>Runs it.</summary>
    Primary = 1,

    /// <summary>Holds its shadow.</summary>
    Shadow = 2,
}

/// <summary>What a VM should be doing.</summary>
public enum DesiredPower
{
    /// <summary>Off.</summary>
    Stopped = 0,

    /// <summary>On.</summary>
    Running = 1,
}

/// <summary>
/// What the controller wants of one host for one VM. Assignments are the whole desired state, repeated until met, so
/// that a lost one, a repeated one, or an agent that starts anew needs no special case.
/// </summary>
public sealed record Assignment
{
    /// <summary>The host's part.</summary>
    public required VmRole Role { get; init; }

    /// <summary>Generation under which it has it.</summary>
    public required Generation Generation { get; init; }

    /// <summary>The VM.</summary>
    public required VmDefinition Vm { get; init; }

    /// <summary>Its policy.</summary>
    public required ProtectionPolicy Policy { get; init; }

    /// <summary>
    /// The other host of the pair, or, for a host without a part, the one that owns the VM; null: none.
    /// </summary>
    public HostId? Peer { get; init; }

    /// <summary><c>address:port</c> of the peer's pair listener; null when there is none.</summary>
    public string? PeerEndpoint { get; init; }

    /// <summary>What the VM should be doing.</summary>
    public DesiredPower Power { get; init; } = DesiredPower.Running;

    /// <summary>
    /// A running VM that Umbra did not start, to be taken over as it is; only for the primary that attaches.
    /// </summary>
    public AttachTarget? Attach { get; init; }

    /// <summary>
    /// An action to carry out once; its result is repeated in the heartbeats until this one is withdrawn.
    /// </summary>
    public VmAction? Action { get; init; }
}

/// <summary>A running QEMU that Umbra did not start.</summary>
/// <param name="ProcessId">Its process.</param>
/// <param name="QmpPath">A QMP socket of it that nobody else uses.</param>
/// <param name="SecondQmpPath">Another one, for the brake; null: one session does both.</param>
public sealed record AttachTarget(int ProcessId, string QmpPath, string? SecondQmpPath);

/// <summary>What an action does.</summary>
public enum VmActionKind
{
    /// <summary>Cut an epoch now and wait until the shadow has it.</summary>
    Sync = 0,

    /// <summary>Warm swap onto the shadow.</summary>
    Swap = 1,

    /// <summary>Go through everything of a swap that can fail, up to but without the pause.</summary>
    SwapRehearsal = 2,

    /// <summary>To the shadow's host: the fence is won for you, run the last committed epoch.</summary>
    Takeover = 3,

    /// <summary>
    /// To the shadow's host: promise not to serve the primary any more and say when it was last heard. To a host that
    /// keeps an old copy: promise to keep it, whatever the one that won the VM may say.
    /// </summary>
    TakeoverConsent = 4,

    /// <summary>Plug the devices that the definition has and the guest has not.</summary>
    Plug = 5,

    /// <summary>Cut an epoch and compare every page and block of both sides, with the guest paused meanwhile.</summary>
    Verify = 6,
}

/// <summary>One thing to do once.</summary>
/// <param name="Id">Unique; a repeated assignment of a finished action does nothing.</param>
/// <param name="Kind">What.</param>
/// <param name="Reason">Why, for events.</param>
public sealed record VmAction(string Id, VmActionKind Kind, string Reason)
{
    /// <summary>
    /// With <see cref="VmActionKind.TakeoverConsent"/>: the primary is proven off by other means than its silence, and
    /// the shadow needs not wait for one.
    /// </summary>
    public bool ProvenOff { get; init; }

    /// <summary>
    /// With <see cref="VmActionKind.Swap"/> and <see cref="VmActionKind.TakeoverConsent"/>: the primary's host is under
    /// suspicion, or was when it fell silent, and is cordoned once it has lost the VM.
    /// </summary>
    public bool Suspect { get; init; }
}

/// <summary>How an action went.</summary>
public sealed record VmActionResult
{
    /// <summary>The action.</summary>
    public required string Id { get; init; }

    /// <summary>Whether it did what was asked.</summary>
    public required bool Succeeded { get; init; }

    /// <summary>For people: what happened, or why not and what to do.</summary>
    public required string Detail { get; init; }

    /// <summary>Phases with their times, in order; empty where it has none.</summary>
    public IReadOnlyList<PhaseTime> Phases { get; init; } = [];

    /// <summary>Rehearsal only: everything that was looked at. It succeeds when all of it holds.</summary>
    public IReadOnlyList<ReadinessCheck> Checks { get; init; } = [];

    /// <summary>Epoch that the action ended on.</summary>
    public EpochNumber Epoch { get; init; }

    /// <summary>Consent only: the generation up to which the shadow refuses the primary from now on.</summary>
    public Generation Generation { get; init; }

    /// <summary>Consent only: for how long the shadow had not heard of the primary when it gave its word.</summary>
    public TimeSpan Silence { get; init; }

    /// <summary>The same with a phase after its last one.</summary>
    public VmActionResult WithPhase(string name, TimeSpan duration) => this with
    {
        Phases = [.. Phases, new PhaseTime(name, Phases.Count > 0 ? Phases[^1].End : TimeSpan.Zero, duration)],
    };
}

/// <summary>One phase of a swap or takeover.</summary>
/// <param name="Name">One of <see cref="SwapPhases"/>.</param>
/// <param name="Start">Since the decision.</param>
/// <param name="Duration">How long it took.</param>
public sealed record PhaseTime(string Name, TimeSpan Start, TimeSpan Duration)
{
    /// <summary>Its end, since the decision.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public TimeSpan End => Start + Duration;
}

/// <summary>Something that a swap needs, as a rehearsal found it.</summary>
/// <param name="Name">What, in a word or two.</param>
/// <param name="Holds">Whether it is there; a swap is refused without it.</param>
/// <param name="Detail">What was found, for people.</param>
public sealed record ReadinessCheck(string Name, bool Holds, string Detail);
