using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Core.Placement;

/// <summary>
/// Leads a takeover: consent of the shadow first, then the proof is weighed once more and, in the same step, the next
/// generation claimed on behalf of the shadow's host, then the shadow is told to run.
/// </summary>
public static class TakeoverPlanner
{
    /// <summary>Ends the id of the consent that belongs to a takeover's id.</summary>
    public const string ConsentSuffix = ".consent";

    /// <summary>
    /// The id by which those who ask know the action: a takeover is one action to them, though its consent is another
    /// to the agents.
    /// </summary>
    public static string PublicId(string id) =>
        id.EndsWith(ConsentSuffix, StringComparison.Ordinal) ? id[..^ConsentSuffix.Length] : id;

    /// <summary>
    /// Whether a takeover may be tried, given a consent that would satisfy; its reasons are for people.
    /// </summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="vm">The VM.</param>
    /// <param name="saidOff">Host that a person says is off.</param>
    /// <param name="poweredOff">Host that its BMC says is off.</param>
    public static TakeoverVerdict MayTry(
        FleetState fleet, VmRecord vm, HostId? saidOff, HostId? poweredOff = null)
    {
        if (vm.Shadow is not { } shadow) return new TakeoverVerdict(null, ["it has no shadow"]);
        if (fleet.Host(shadow) is not { } host || !host.IsAlive(fleet.Now))
            return new TakeoverVerdict(null, [$"the shadow's host {shadow} is not heard"]);
        var evidence = Evidence(fleet, vm, saidOff, poweredOff);
        return TakeoverRule.Decide(evidence with
        {
            Consent = new TakeoverConsent(vm.Ownership.Generation, TimeSpan.MaxValue),
        });
    }

    /// <summary>The record with a takeover begun, for the proof that <see cref="MayTry"/> found.</summary>
    public static VmPlan Begin(
        VmRecord vm, string id, string reason, ProofKind proof, HostId? saidOff, DateTimeOffset utcNow)
    {
        Invariant.Holds(vm is { Action: null, Shadow: not null });
        var action = new VmAction(id + ConsentSuffix, VmActionKind.TakeoverConsent, reason)
        {
            ProvenOff = proof != ProofKind.LeaseAndWitnesses,
        };
        var pending = new PendingAction(
            action, vm.Shadow.Value, vm.Ownership.Generation, utcNow, ConfirmedOff: saidOff == vm.Primary,
            PoweredOff: proof == ProofKind.PowerOff);
        string text = $"a takeover from {vm.Primary} begins: {reason}";
        return new VmPlan(vm with { Action = pending }, [new PlannedEvent("takeover.started", vm.Primary, text)]);
    }

    /// <summary>
    /// Begins a takeover by itself where the policy wants it and the proof can be complete; else null.
    /// </summary>
    internal static VmPlan? BeginAutomatic(FleetState fleet, VmRecord vm, DateTimeOffset utcNow)
    {
        if (vm.Policy.Takeover != TakeoverMode.Automatic || vm.Power != DesiredPower.Running) return null;
        if (vm.Action is not null || vm.Shadow is null || TriedLately(fleet, vm)) return null;
        var verdict = MayTry(fleet, vm, saidOff: null);
        if (!verdict.Allowed) return null;
        string id = $"auto-{vm.Ownership.Generation.Value}-{utcNow.ToUnixTimeMilliseconds()}";
        string reason = string.Join("; ", verdict.Reasons);
        // A process that ended says nothing of the hardware, a host that fell silent while it was suspected does.
        var suspicion = verdict.Proof == ProofKind.AgentsWord ? null : SuspicionPlanner.LastWordAgainst(fleet, vm);
        if (suspicion is null) return Begin(vm, id, reason, verdict.Proof!.Value, saidOff: null, utcNow);
        reason += $"; {vm.Primary} {Decisions.SwapDecision.FellSilentUnder(suspicion)}";
        var plan = Begin(vm, id, reason, verdict.Proof!.Value, saidOff: null, utcNow);
        var pending = plan.Vm.Action!;
        return plan with
        {
            Vm = plan.Vm with { Action = pending with { Action = pending.Action with { Suspect = true } } },
        };
    }

    /// <summary>
    /// Why the VM's owner does not run it and will not, by its agent's word under the newest generation; null: it does
    /// not say so.
    /// </summary>
    internal static string? WhyOwnerIsOff(FleetState fleet, VmRecord vm) =>
        fleet.StatusOn(vm.Primary, vm.Name) is { Guest: GuestState.Dead } owner
        && owner.Generation == vm.Ownership.Generation
            ? $"the agent on {vm.Primary} says that the VM's process is gone" : null;

    /// <summary>
    /// Why the VM may be taken over, its shadow's consent given: nothing can be asked of its primary any more. Null: it
    /// may not.
    /// </summary>
    internal static string? WhyMayBeOff(FleetState fleet, VmRecord vm)
    {
        var verdict = MayTry(fleet, vm, saidOff: null);
        return verdict.Allowed ? string.Join("; ", verdict.Reasons) : null;
    }

    /// <summary>The consent is in, or refused.</summary>
    internal static VmPlan AfterConsent(
        FleetState fleet, VmRecord vm, PendingAction pending, VmActionResult result, DateTimeOffset utcNow)
    {
        if (!result.Succeeded || vm.Ownership.Generation != pending.Generation)
        {
            string why = result.Succeeded ? "the VM has changed hands meanwhile" : result.Detail;
            return ActionPlanner.Finish(vm, pending, result with { Succeeded = false, Detail = why });
        }

        var evidence = Evidence(
            fleet, vm, pending.ConfirmedOff ? vm.Primary : null, pending.PoweredOff ? vm.Primary : null) with
        {
            Consent = new TakeoverConsent(result.Generation, result.Silence),
        };
        var verdict = TakeoverRule.Decide(evidence with { ShadowEpoch = Newer(evidence.ShadowEpoch, result.Epoch) });
        return verdict.Allowed
            ? ClaimForShadow(fleet, vm, pending, result, string.Join("; ", verdict.Reasons), utcNow)
            : GiveUp(vm, pending, result, string.Join("; ", verdict.Reasons));
    }

    private static VmPlan ClaimForShadow(
        FleetState fleet, VmRecord vm, PendingAction pending, VmActionResult consent, string proof,
        DateTimeOffset utcNow)
    {
        string id = PublicId(pending.Action.Id);
        var next = Claimed(vm.WithResult(consent), pending.Target, id, out var claim);
        var action = new VmAction(id, VmActionKind.Takeover, $"{pending.Action.Reason} ({proof})");
        next = next with { Action = new PendingAction(action, pending.Target, next.Ownership.Generation, utcNow) };
        string text = $"{pending.Target} takes over from {vm.Primary}, {next.Ownership.Generation}: {proof}";
        var won = new PlannedEvent("fence.won", pending.Target, text);
        bool cordons = pending.Action.Suspect && fleet.Host(vm.Primary) is { Record.Cordon: null };
        if (!cordons) return new VmPlan(next, [won], Claim: claim);
        string why = $"{vm.Name} was taken over from it: {pending.Action.Reason}";
        return new VmPlan(
            next, [won, new PlannedEvent("host.cordoned", vm.Primary, why)], Claim: claim,
            Cordon: new PlannedCordon(vm.Primary, why));
    }

    // The shadow has promised to refuse this generation. A primary that runs claims the next one as soon as the shadow
    // says so; to claim it here, for one that may be dead, would make its word about the old generation worthless.
    private static VmPlan GiveUp(VmRecord vm, PendingAction pending, VmActionResult consent, string reasons) =>
        ActionPlanner.Finish(vm, pending, consent with { Succeeded = false, Detail = "no takeover: " + reasons });

    /// <summary>The record once the newest generation's claim for <paramref name="claimant"/> is won.</summary>
    internal static VmRecord Claimed(VmRecord vm, HostId claimant, string id, out FenceClaim claim)
    {
        claim = new FenceClaim(vm.Ownership.Generation, claimant, id);
        var answer = Fencing.Decide(vm.Ownership, claim);
        Invariant.Holds(answer.Won, "a claim of the newest generation wins");
        return vm.AfterFence(answer);
    }

    private static TakeoverEvidence Evidence(FleetState fleet, VmRecord vm, HostId? saidOff, HostId? poweredOff)
    {
        // Who is heard again was turned on again: what its BMC said is over.
        if (fleet.Host(vm.Primary) is { } owner && owner.IsAlive(fleet.Now)) poweredOff = null;
        var primary = fleet.StatusOn(vm.Primary, vm.Name);
        var shadow = vm.Shadow is { } host ? fleet.StatusOn(host, vm.Name) : null;
        return new TakeoverEvidence
        {
            Owner = vm.Ownership,
            ShadowEpoch = shadow is { Role: VmRole.Shadow } ? shadow.Sync.Acknowledged : EpochNumber.None,
            ReportedDead = primary is { Guest: GuestState.Dead } ? primary.Generation : null,
            Lease = vm.Lease,
            ControllerSilence = fleet.Host(vm.Primary)?.Clock.Silence(fleet.Now) ?? TimeSpan.Zero,
            SaidOffByPerson = saidOff,
            SaidOffByBmc = poweredOff,
        };
    }

    // What was refused a moment ago is not asked for again at once: the shadow says what it heard, and hears no less a
    // moment later.
    private static bool TriedLately(FleetState fleet, VmRecord vm) =>
        vm.History.Count > 0 && vm.History[^1] is { Result.Succeeded: false } last
        && last.Pending.Action.Kind is VmActionKind.TakeoverConsent or VmActionKind.Takeover
        && fleet.ActionAge(vm.Name, last.Pending.Action.Id) < Policy.FleetTimes.TakeoverRetry;

    private static EpochNumber Newer(EpochNumber one, EpochNumber other) => one > other ? one : other;
}
