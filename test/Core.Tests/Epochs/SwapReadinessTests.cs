using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>What a swap or its rehearsal asks of the shadow before anything is paused.</summary>
public sealed class SwapReadinessTests
{
    private static readonly HostId s_shadow = new("b");

    [Fact]
    public void A_rehearsal_pauses_nothing()
    {
        PairRig rig = Seeded();
        rig.Guest.Intercept = call => call == "Pause" ? throw new InvalidOperationException("paused") : null;
        VmActionResult result = Rehearsed(rig);
        Assert.True(result.Succeeded, result.Detail);
        Assert.Equal(["replication", "standby", "claim"], result.Checks.Select(static c => c.Name));
        Assert.All(result.Checks, static check => Assert.True(check.Holds, check.Detail));
        FenceClaim claim = Assert.Single(rig.ShadowSaid.Rehearsed);
        Assert.Equal((new Generation(1), s_shadow), (claim.Expected, claim.Claimant));
        Assert.Empty(rig.ShadowSaid.Claims);
    }

    [Fact]
    public void A_rehearsal_fails_when_the_standby_or_the_controller_does_not_answer_and_says_which()
    {
        PairRig rig = Seeded();
        rig.ShadowSaid.Rehearses = () => CallOutcome.Failed("the standby hangs");
        VmActionResult standby = Rehearsed(rig);
        Assert.Equal((false, "the standby hangs"), (standby.Succeeded, standby.Detail));
        rig.ShadowSaid.Rehearses = () => CallOutcome.Done;
        rig.ShadowSaid.Answers = static _ => null;
        VmActionResult claim = Rehearsed(rig, "again");
        Assert.Contains("does not answer", Assert.Single(claim.Checks, static c => !c.Holds).Detail,
            StringComparison.Ordinal);
        rig.ShadowSaid.Answers = static claim =>
            new FenceAnswer(false, new Ownership(claim.Expected.Next, new HostId("c"), "theirs"));
        Assert.Contains("c has g2", Rehearsed(rig, "third").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_standby_that_fails_its_rehearsal_is_replaced_and_the_next_swap_goes_through()
    {
        PairRig rig = Seeded();
        rig.ShadowSaid.Rehearses = () => CallOutcome.Failed("it has ended");
        int standbys = rig.ShadowSaid.Configurations.Count;
        Assert.False(Rehearsed(rig).Succeeded);
        rig.ShadowSaid.Rehearses = () => CallOutcome.Done;
        rig.RunUntil(() => rig.ShadowSaid.Configurations.Count > standbys);
        Assert.True(Rehearsed(rig, "again").Succeeded);
        Assert.Equal(standbys + 1, rig.ShadowSaid.Configurations.Count);
    }

    [Fact]
    public void A_swap_or_rehearsal_without_an_answer_ends_by_itself_and_has_paused_nothing()
    {
        PairRig rig = Seeded();
        rig.Loses = static message => message is SwapQuery;
        foreach (bool rehearsal in new[] { true, false })
        {
            string id = rehearsal ? "try" : "swap";
            rig.Source.RequestSwap(id, rehearsal, rig.Now);
            rig.Run(SessionLimits.SwapQueryMax - TimeSpan.FromMilliseconds(20));
            Assert.False(rig.SourceSaid.Results.ContainsKey(id));
            rig.Run(TimeSpan.FromMilliseconds(40));
            Assert.Equal("the shadow gave no answer for 1.5 s", rig.SourceSaid.Results[id].Detail);
            Assert.True(rig.Guest.Running);
        }
    }

    [Fact]
    public void A_swap_pauses_nothing_while_the_shadow_is_not_ready()
    {
        PairRig rig = Seeded();
        rig.ShadowSaid.Answers = static _ => null;
        bool paused = false;
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() =>
        {
            paused |= rig.Guest.Held is not null;
            return rig.SourceSaid.Results.ContainsKey("swap");
        });
        Assert.Contains("the controller does not answer", rig.SourceSaid.Results["swap"].Detail,
            StringComparison.Ordinal);
        Assert.False(paused);
        Assert.Empty(rig.ShadowSaid.Claims);
        rig.Sync();
    }

    [Fact]
    public void A_query_that_meets_a_standby_being_started_is_answered_once_it_has()
    {
        PairRig rig = Seeded();
        rig.Disconnect();
        rig.NewShadow();
        Assert.Single(rig.ShadowSaid.Configurations);
        rig.ShadowSaid.HoldsAnswers = true;
        rig.Connect();
        rig.RunUntil(() => rig.SourceSaid.Epochs.Count > 1);
        rig.Source.RequestSwap("try", true, rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(100));
        Assert.Empty(rig.ShadowSaid.Rehearsed);
        rig.ShadowSaid.HoldsAnswers = false;
        rig.RunUntil(() => rig.SourceSaid.Results.ContainsKey("try"));
        Assert.True(rig.SourceSaid.Results["try"].Succeeded, rig.SourceSaid.Results["try"].Detail);
    }

    private static PairRig Seeded()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        return rig;
    }

    private static VmActionResult Rehearsed(PairRig rig, string id = "try")
    {
        rig.Source.RequestSwap(id, true, rig.Now);
        rig.RunUntil(() => rig.SourceSaid.Results.ContainsKey(id));
        return rig.SourceSaid.Results[id];
    }
}
