using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Placement;
using Umbra.Core.Swap;

namespace Umbra.Controller.Store;

/// <summary>
/// What the controller never forgets: hosts, VMs with their ownership registers, events, join tokens. An answer means
/// that what it tells is on disk; only events alone may be lost with the machine's power.
/// </summary>
public interface IFleetStore : IDisposable
{
    /// <summary>Everything that is kept of hosts and VMs.</summary>
    FleetRecords Load();

    /// <summary>
    /// Keeps all of <paramref name="change"/> or nothing of it; false: a VM's register is not what the change builds
    /// on.
    /// </summary>
    bool Commit(FleetChange change);

    /// <summary>
    /// Decides <paramref name="claim"/> by <see cref="Fencing.Decide"/> against the stored register and keeps what
    /// follows of it (<see cref="VmRecord.AfterFence"/>), in one transaction; null: there is no such VM. A rehearsal
    /// takes the transaction back at its end: nothing has changed then.
    /// </summary>
    FenceOutcome? Fence(VmId vm, FenceClaim claim, bool rehearsal = false);

    /// <summary>
    /// Events with a higher number than <paramref name="since"/>, ascending, at most <paramref name="limit"/>.
    /// </summary>
    EventPage ReadEvents(long since, int limit);

    /// <summary>The diagnoses that are kept, newest first.</summary>
    IReadOnlyList<DiagnosisRecord> ReadDiagnoses();

    /// <summary>The diagnosis, or null.</summary>
    DiagnosisRecord? ReadDiagnosis(string id);

    /// <summary>Keeps a join token, by its hash.</summary>
    void AddToken(TokenRecord token);

    /// <summary>Whether a join token, by its hash, is good; one use less of it if <paramref name="take"/>.</summary>
    TokenUse UseToken(string hash, DateTimeOffset now, bool take);
}

/// <summary>All hosts and VMs.</summary>
public sealed record FleetRecords(IReadOnlyList<HostRecord> Hosts, IReadOnlyList<VmRecord> Vms);

/// <summary>A VM's record from now on.</summary>
/// <param name="Vm">The record.</param>
/// <param name="Expected">The register that must be stored; null: the VM must not be there.</param>
public sealed record VmWrite(VmRecord Vm, Ownership? Expected);

/// <summary>What changes together.</summary>
public sealed record FleetChange
{
    /// <summary>VMs to keep.</summary>
    public IReadOnlyList<VmWrite> Vms { get; init; } = [];

    /// <summary>VMs to forget.</summary>
    public IReadOnlyList<VmId> DeletedVms { get; init; } = [];

    /// <summary>Hosts to keep.</summary>
    public IReadOnlyList<HostRecord> Hosts { get; init; } = [];

    /// <summary>Hosts to forget.</summary>
    public IReadOnlyList<HostId> DeletedHosts { get; init; } = [];

    /// <summary>Diagnoses to keep; the oldest above <see cref="DiagnosisRecord.KeptMax"/> go.</summary>
    public IReadOnlyList<DiagnosisRecord> Diagnoses { get; init; } = [];

    /// <summary>Diagnoses to forget.</summary>
    public IReadOnlyList<string> DroppedDiagnoses { get; init; } = [];

    /// <summary>Events to append; they get their numbers here.</summary>
    public IReadOnlyList<FleetEvent> Events { get; init; } = [];
}

/// <summary>Answer to a claim, and the VM's record after it.</summary>
public sealed record FenceOutcome(FenceAnswer Answer, VmRecord Vm);

/// <summary>A join token as it is kept: never the secret itself.</summary>
/// <param name="Hash">SHA-256 of the secret, hex.</param>
/// <param name="Expires">When it ends.</param>
/// <param name="Uses">How often it can be used still.</param>
public sealed record TokenRecord(string Hash, DateTimeOffset Expires, int Uses);

/// <summary>How the use of a join token went.</summary>
public enum TokenUse
{
    /// <summary>It is good.</summary>
    Accepted = 0,

    /// <summary>There is none such.</summary>
    Unknown = 1,

    /// <summary>Its time is over.</summary>
    Expired = 2,

    /// <summary>It was used as often as it could be.</summary>
    UsedUp = 3,
}
