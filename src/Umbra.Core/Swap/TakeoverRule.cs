using Umbra.Core.Basics;

namespace Umbra.Core.Swap;

/// <summary>What can prove that a primary does not run any more.</summary>
public enum ProofKind
{
    /// <summary>The primary's own agent says that the VM's process is gone.</summary>
    AgentsWord = 0,

    /// <summary>Its lease has run out at both witnesses, and the shadow has promised to serve it no more.</summary>
    LeaseAndWitnesses = 1,

    /// <summary>A person says that the host is off, and typed its name.</summary>
    PersonsWord = 2,

    /// <summary>The BMC of its host says that the host is off.</summary>
    PowerOff = 3,
}

/// <summary>The shadow's durable word that it serves the primary no more.</summary>
/// <param name="Refused">Newest generation that it refuses from now on.</param>
/// <param name="Silence">For how long it had not heard of the primary when it gave its word.</param>
public sealed record TakeoverConsent(Generation Refused, TimeSpan Silence);

/// <summary>Everything that is known about a primary that may be dead.</summary>
public sealed record TakeoverEvidence
{
    /// <summary>The register: who may run the VM now.</summary>
    public required Ownership Owner { get; init; }

    /// <summary>Newest complete epoch of the shadow; none: there is nothing to run.</summary>
    public required EpochNumber ShadowEpoch { get; init; }

    /// <summary>
    /// Generation under which the owner's agent reported the process gone (and keeps it so); null: it did not.
    /// </summary>
    public Generation? ReportedDead { get; init; }

    /// <summary>
    /// The longest lease that the primary may be running under, from a heartbeat of it that said so and had seen the
    /// policy now in force; null: it is not known to run under one.
    /// </summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>
    /// For how long the controller has not heard of the primary; counted from its own start at the earliest.
    /// </summary>
    public TimeSpan ControllerSilence { get; init; }

    /// <summary>The shadow's word; null: it has not given it.</summary>
    public TakeoverConsent? Consent { get; init; }

    /// <summary>Host that a person typed the name of, saying it is off; null: nobody did.</summary>
    public HostId? SaidOffByPerson { get; init; }

    /// <summary>Host of which the BMC said that it is off, and which was not heard since; null: none did.</summary>
    public HostId? SaidOffByBmc { get; init; }
}

/// <summary>Whether a takeover may claim the VM.</summary>
/// <param name="Proof">What proves that the primary is off; null: nothing does.</param>
/// <param name="Reasons">The proof in words, or everything that is missing.</param>
public sealed record TakeoverVerdict(ProofKind? Proof, IReadOnlyList<string> Reasons)
{
    /// <summary>Whether the takeover may go on.</summary>
    public bool Allowed => Proof is not null;
}

/// <summary>
/// Decides whether a takeover may claim a VM. The controller asks in the same step in which it would change the
/// register, and from the moment it does, answers no heartbeat of the old generation.
/// </summary>
public static class TakeoverRule
{
    /// <summary>Weighs the evidence; the first kind of proof that is complete counts.</summary>
    public static TakeoverVerdict Decide(TakeoverEvidence evidence)
    {
        if (evidence.ShadowEpoch == EpochNumber.None)
            return new TakeoverVerdict(null, ["the shadow holds no complete epoch"]);
        Generation newest = evidence.Owner.Generation;
        if (evidence.ReportedDead == newest)
            return Proven(
                ProofKind.AgentsWord, $"the agent on {evidence.Owner.Holder} says that the VM's process is gone");
        if (evidence.SaidOffByPerson == evidence.Owner.Holder)
            return Proven(ProofKind.PersonsWord, $"a person says that {evidence.Owner.Holder} is off");
        if (evidence.SaidOffByBmc == evidence.Owner.Holder)
            return Proven(ProofKind.PowerOff, $"the BMC of {evidence.Owner.Holder} says that it is off");
        List<string> missing = [];
        AddMissingOfLease(evidence, missing);
        if (missing.Count == 0)
            return Proven(ProofKind.LeaseAndWitnesses, "the lease has run out at the controller and at the shadow");
        missing.Insert(0, evidence.ReportedDead is { } old
            ? $"the agent's word is about {old}, the newest is {newest}"
            : $"the agent on {evidence.Owner.Holder} does not say that the VM's process is gone");
        if (evidence.SaidOffByPerson is { } said)
            missing.Add($"the person named {said}, but the VM is on {evidence.Owner.Holder}");
        return new TakeoverVerdict(null, missing);
    }

    private static void AddMissingOfLease(TakeoverEvidence evidence, List<string> missing)
    {
        if (evidence.Lease is not { } lease)
        {
            missing.Add("the primary is not known to run under a lease");
            return;
        }

        TimeSpan wait = LeaseRules.WitnessWait(lease);
        if (evidence.ControllerSilence < wait)
            missing.Add(
                $"the controller heard of it {Seconds(evidence.ControllerSilence)} ago, {Seconds(wait)} are needed");
        if (evidence.Consent is not { } consent)
            missing.Add("the shadow has not given its consent");
        else if (consent.Refused < evidence.Owner.Generation)
            missing.Add($"the shadow's consent is about {consent.Refused}, the newest is {evidence.Owner.Generation}");
        else if (consent.Silence < wait)
            missing.Add(
                $"the shadow heard of it {Seconds(consent.Silence)} before its consent, {Seconds(wait)} are needed");
    }

    private static TakeoverVerdict Proven(ProofKind kind, string text) => new(kind, [text]);

    private static string Seconds(TimeSpan time) =>
        time.TotalSeconds.ToString("0.0", System.Globalization.CultureInfo.InvariantCulture) + " s";
}
