using Umbra.Core.Basics;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Swap;

/// <summary>What proves that a primary is off, and what does not.</summary>
public sealed class TakeoverRuleTests
{
    private static readonly TimeSpan s_wait = LeaseRules.WitnessWait(TimeSpan.FromSeconds(5));

    private static TakeoverEvidence Nothing => new()
    {
        Owner = new Ownership(new Generation(4), new HostId("a"), "r"), ShadowEpoch = new EpochNumber(9),
    };

    private static TakeoverEvidence Expired => Nothing with
    {
        Lease = TimeSpan.FromSeconds(5),
        ControllerSilence = s_wait,
        Consent = new TakeoverConsent(new Generation(4), s_wait),
    };

    [Fact]
    public void Silence_alone_proves_nothing()
    {
        TakeoverVerdict verdict = TakeoverRule.Decide(Nothing with { ControllerSilence = TimeSpan.FromDays(1) });
        Assert.False(verdict.Allowed);
        Assert.Contains(verdict.Reasons, r => r.Contains("not known to run under a lease", StringComparison.Ordinal));
    }

    [Fact]
    public void The_agents_word_about_the_newest_generation_is_a_proof() =>
        Assert.Equal(
            ProofKind.AgentsWord, TakeoverRule.Decide(Nothing with { ReportedDead = new Generation(4) }).Proof);

    [Fact]
    public void The_agents_word_about_an_older_generation_is_none() =>
        Assert.False(TakeoverRule.Decide(Nothing with { ReportedDead = new Generation(3) }).Allowed);

    [Fact]
    public void A_lease_that_ran_out_at_both_witnesses_is_a_proof() =>
        Assert.Equal(ProofKind.LeaseAndWitnesses, TakeoverRule.Decide(Expired).Proof);

    [Fact]
    public void Each_part_of_the_leases_proof_is_needed()
    {
        TimeSpan early = s_wait - TimeSpan.FromMilliseconds(1);
        TakeoverEvidence[] incomplete =
        [
            Expired with { Lease = null },
            Expired with { ControllerSilence = early },
            Expired with { Consent = null },
            Expired with { Consent = new TakeoverConsent(new Generation(3), s_wait) },
            Expired with { Consent = new TakeoverConsent(new Generation(4), early) },
            Expired with { ShadowEpoch = EpochNumber.None },
        ];
        Assert.All(incomplete, evidence =>
        {
            TakeoverVerdict verdict = TakeoverRule.Decide(evidence);
            Assert.False(verdict.Allowed);
            Assert.NotEmpty(verdict.Reasons);
        });
    }

    [Fact]
    public void A_persons_word_counts_for_the_host_that_has_the_VM_only()
    {
        Assert.Equal(
            ProofKind.PersonsWord, TakeoverRule.Decide(Nothing with { SaidOffByPerson = new HostId("a") }).Proof);
        Assert.False(TakeoverRule.Decide(Nothing with { SaidOffByPerson = new HostId("b") }).Allowed);
    }

    [Fact]
    public void A_shadow_that_holds_nothing_is_never_run()
    {
        TakeoverVerdict verdict = TakeoverRule.Decide(Nothing with
        {
            ShadowEpoch = EpochNumber.None,
            ReportedDead = new Generation(4),
            SaidOffByPerson = new HostId("a"),
        });
        Assert.False(verdict.Allowed);
    }
}
