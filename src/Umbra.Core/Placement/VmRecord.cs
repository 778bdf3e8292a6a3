using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Core.Placement;

/// <summary>
/// Everything that the controller must never forget of one VM. What agents report is not in it: that is heard anew
/// after every start.
/// </summary>
public sealed record VmRecord
{
    /// <summary>Finished actions whose results are kept for those who ask; older ones are forgotten.</summary>
    public const int HistoryMax = 16;

    /// <summary>What it is made of.</summary>
    public required VmDefinition Definition { get; init; }

    /// <summary>
    /// Whether <see cref="Definition"/> is the real one; false from an attach until the agent has looked at the VM.
    /// </summary>
    public bool DefinitionKnown { get; init; } = true;

    /// <summary>Digest of the request that made it, so that the same request again is known to be the same.</summary>
    public string RequestDigest { get; init; } = "";

    /// <summary>How it is protected.</summary>
    public required ProtectionPolicy Policy { get; init; }

    /// <summary>
    /// The longest lease that the primary may be running under; null: it may be running under none. Kept over a restart
    /// of the controller, since a primary that is dead by then cannot tell any more.
    /// </summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>
    /// Counts changes of what the hosts are told, so that a report of having seen one cannot mean another.
    /// </summary>
    public long Changes { get; init; }

    /// <summary>Who may run it. The holder is the primary.</summary>
    public required Ownership Ownership { get; init; }

    /// <summary>Host of its shadow; null: none.</summary>
    public HostId? Shadow { get; init; }

    /// <summary>What it should be doing.</summary>
    public DesiredPower Power { get; init; } = DesiredPower.Running;

    /// <summary>The process to take over, as long as the primary is the host that attached it.</summary>
    public AttachTarget? Attach { get; init; }

    /// <summary>Action under way; one at a time.</summary>
    public PendingAction? Action { get; init; }

    /// <summary>The last finished actions, oldest first; at most <see cref="HistoryMax"/>.</summary>
    public IReadOnlyList<FinishedAction> History { get; init; } = [];

    /// <summary>Hosts where an old copy is to be destroyed and was not yet reported gone, in order of name.</summary>
    public IReadOnlyList<HostId> Remains { get; init; } = [];

    /// <summary>Whether the VM itself goes once nothing remains of it.</summary>
    public bool Deleting { get; init; }

    /// <summary>Its name.</summary>
    public VmId Name => Definition.Name;

    /// <summary>Host that may run it.</summary>
    public HostId Primary => Ownership.Holder;

    /// <summary>The same with <paramref name="host"/>'s copy to be destroyed.</summary>
    public VmRecord WithRemains(HostId host) => Remains.Contains(host)
        ? this
        : this with { Remains = [.. Remains.Append(host).OrderBy(static h => h.Value, StringComparer.Ordinal)] };

    /// <summary>The same with nothing left to destroy on <paramref name="host"/>.</summary>
    public VmRecord WithoutRemains(HostId host) => Remains.Contains(host)
        ? this with { Remains = [.. Remains.Where(h => h != host)] }
        : this;

    /// <summary>The same without its shadow; what is left of it is somebody else's concern.</summary>
    public VmRecord WithoutShadow() => this with { Shadow = null, Lease = null, Changes = Changes + 1 };

    /// <summary>The same on its way out: every host that has something of it is to destroy it.</summary>
    public VmRecord ForDeletion()
    {
        var next = WithRemains(Primary);
        if (Shadow is { } shadow) next = next.WithRemains(shadow);
        return next.WithoutShadow() with { Deleting = true, Power = DesiredPower.Stopped, Action = null };
    }

    /// <summary>
    /// The same under another policy. From now on the primary may run under either lease, or under none when one of the
    /// policies has none.
    /// </summary>
    public VmRecord WithPolicy(ProtectionPolicy policy)
    {
        bool leased = Lease is not null && policy.Takeover == TakeoverMode.Automatic;
        TimeSpan? lease = leased ? TimeSpan.FromTicks(Math.Max(Lease!.Value.Ticks, policy.Lease.Ticks)) : null;
        return this with { Policy = policy, Lease = lease, Changes = Changes + 1 };
    }

    /// <summary>
    /// The same once the primary's agent has said <paramref name="status"/> and that it knows what the record says now.
    /// A lease counts from when the VM runs under it, not from when its agent was told: the agent may be unable to put
    /// it in force for as long as it likes.
    /// </summary>
    public VmRecord SeenByPrimary(VmStatus? status)
    {
        if (status is not { Role: VmRole.Primary } || status.Generation != Ownership.Generation) return this;
        bool leased = Policy.Takeover == TakeoverMode.Automatic && Shadow is not null && status.Lease is not null;
        TimeSpan? lease = null;
        // While it runs under another policy's lease, the longer of the two goes on to count.
        if (leased) lease = status.Lease == Policy.Lease ? Policy.Lease : Lease;
        return lease == Lease ? this : this with { Lease = lease };
    }

    /// <summary>The same with the action under way ended by <paramref name="result"/>.</summary>
    public VmRecord WithResult(VmActionResult result)
    {
        Invariant.Holds(Action is not null && Action.Action.Id == result.Id, "the result is of the action under way");
        List<FinishedAction> history = [.. History, new FinishedAction(Action, result)];
        // The last move by suspicion says how long the next one waits: it is not forgotten over other actions.
        int moved = history.FindLastIndex(static done => done.IsMoveBySuspicion);
        if (history.Count > HistoryMax) history.RemoveAt(moved == 0 ? 1 : 0);
        return this with { Action = null, History = history };
    }

    /// <summary>
    /// Whether the claim counts at all. A host that is no part of the pair any more can only be answered for what it
    /// may have won before.
    /// </summary>
    public bool MayClaim(FenceClaim claim) =>
        (Ownership.Holder == claim.Claimant && Ownership.Request == claim.Request)
        || (!Deleting && (Shadow == claim.Claimant || Primary == claim.Claimant));

    /// <summary>
    /// The same after a claim was answered. When another host has won, it is the primary from now on: the pair is
    /// dissolved and the old primary's copy is to be destroyed.
    /// </summary>
    public VmRecord AfterFence(FenceAnswer answer)
    {
        if (answer.Current == Ownership) return this;
        Invariant.Holds(
            answer.Won && answer.Current.Generation == Ownership.Generation.Next,
            "only a won claim moves the register");
        var next = this with { Ownership = answer.Current, Lease = null, Changes = Changes + 1 };
        if (answer.Current.Holder == Primary) return next;
        return (next with { Shadow = null, Attach = null }).WithRemains(Primary).WithoutRemains(answer.Current.Holder);
    }
}

/// <summary>An action under way.</summary>
/// <param name="Action">What to do once.</param>
/// <param name="Target">Host that does it.</param>
/// <param name="Generation">Newest generation when it was asked for.</param>
/// <param name="Started">When it was asked for, UTC.</param>
/// <param name="ConfirmedOff">Takeover: a person gave his word that the primary's host is off.</param>
/// <param name="PoweredOff">Takeover: the BMC of the primary's host said that it is off.</param>
public sealed record PendingAction(
    VmAction Action, HostId Target, Generation Generation, DateTimeOffset Started, bool ConfirmedOff = false,
    bool PoweredOff = false);

/// <summary>An action that has ended.</summary>
public sealed record FinishedAction(PendingAction Pending, VmActionResult Result)
{
    /// <summary>Whether it moved the VM off hardware that was suspected.</summary>
    public bool IsMoveBySuspicion =>
        this is { Result.Succeeded: true, Pending.Action: { Kind: VmActionKind.Swap, Suspect: true } };
}
