using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>
/// Warm swaps between a real source and a real shadow session, with the controller's answers given by the test.
/// </summary>
public sealed class SwapTests
{
    private static readonly HostId s_primary = new("a");
    private static readonly HostId s_shadow = new("b");

    [Fact]
    public void A_swap_runs_the_last_state_on_the_shadow_and_retires_both_sides()
    {
        PairRig rig = Seeded();
        rig.Guest.WriteWord(11, 0, 0x55);
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        Assert.False(rig.Guest.Running);
        Assert.Equal(HeldReason.Swap, rig.Guest.Held!.Reason);
        Answer(rig, won: true, s_shadow);
        rig.RunUntil(() => rig.SourceSaid.Lost.Count > 0);
        Assert.Equal([new Generation(2)], rig.ShadowSaid.Ran);
        Assert.Equal(StoreState.Retired, rig.Shadow.Store.State);
        Assert.Equal(0x55UL, BitConverter.ToUInt64(rig.Media.Memory, 11 * Sizes.Page));
        Assert.True(rig.SourceSaid.Results["swap"].Succeeded);
        string[] phases = [.. rig.SourceSaid.Results["swap"].Phases.Select(p => p.Name)];
        Assert.Equal(
            ["Prepare", "Pause", "FinalEpoch", "Verify", "Commit", "Load", "Fence", "Resume"], phases);
        Assert.False(rig.Guest.Running);
    }

    [Fact]
    public void The_device_state_is_loaded_before_the_fence_is_claimed()
    {
        PairRig rig = Seeded();
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        Assert.Equal([rig.Shadow.Store.Committed], rig.ShadowSaid.Loaded);
        Assert.Empty(rig.ShadowSaid.Ran);
    }

    [Fact]
    public void The_guest_is_marked_as_held_before_the_shadow_may_claim()
    {
        PairRig rig = Seeded();
        bool marked = false;
        rig.Loses = message =>
        {
            if (message is SwapPermit) marked = rig.Guest.Held is { Reason: HeldReason.Swap };
            return false;
        };
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        Assert.True(marked);
    }

    [Fact]
    public void A_repeated_permit_declines_nothing_once_the_VM_is_claimed()
    {
        PairRig rig = Seeded();
        SwapPermit? permit = null;
        List<PairMessage> said = [];
        rig.Loses = message =>
        {
            if (message is SwapPermit first) permit = first;
            said.Add(message);
            return false;
        };
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        rig.Shadow.On(permit!, rig.Now);
        Assert.Equal(ShadowPhase.Claiming, rig.Shadow.Phase);
        Assert.DoesNotContain(said, static message => message is SwapDeclined);
    }

    [Fact]
    public void A_swaps_last_epoch_follows_one_that_was_cut_after_it_was_asked_for()
    {
        PairRig rig = Seeded();
        rig.Run(TimeSpan.FromMilliseconds(20));
        TimeSpan asked = rig.Now;
        int before = rig.SourceSaid.Epochs.Count;
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        List<EpochReport> cut = [.. rig.SourceSaid.Epochs.Skip(before).Where(e => e.CutAt >= asked)];
        Assert.Equal(2, cut.Count);
    }

    [Fact]
    public void The_device_state_is_loaded_while_the_last_epoch_goes_to_the_disk_and_claimed_for_after_both()
    {
        PairRig rig = Seeded();
        bool besides = false;
        rig.Media.Intercept = call =>
        {
            if (call == "WriteMetadata" && !rig.Guest.Running)
                besides |= rig.ShadowSaid.Loaded.Count == 1 && rig.ShadowSaid.Claims.Count == 0;
            return null;
        };
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        Assert.True(besides);
        Assert.Equal([rig.Shadow.Store.Committed], rig.ShadowSaid.Loaded);
    }

    [Fact]
    public void A_last_epoch_that_cannot_be_kept_throws_the_standby_away_that_has_loaded_it()
    {
        PairRig rig = Seeded();
        int failures = 1;
        rig.Media.Intercept = call =>
            call == "WriteMetadata" && !rig.Guest.Running && failures-- > 0
                ? CallOutcome.Failed("no space left") : null;
        int standbys = rig.ShadowSaid.Configurations.Count;
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.SourceSaid.Results.ContainsKey("swap"));
        Assert.Contains("no space left", rig.SourceSaid.Results["swap"].Detail, StringComparison.Ordinal);
        Assert.True(rig.Guest.Running);
        Assert.Single(rig.ShadowSaid.Loaded);
        rig.Connect();
        rig.Sync();
        rig.AssertShadowIsACut();
        Assert.True(rig.ShadowSaid.Configurations.Count > standbys);
        Assert.Empty(rig.ShadowSaid.Claims);
        rig.Source.RequestSwap("again", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        Assert.Equal(rig.Shadow.Store.Committed, rig.ShadowSaid.Loaded[^1]);
    }

    [Fact]
    public void The_phases_of_a_swap_follow_one_another_and_end_when_the_shadow_is_known_to_run()
    {
        PairRig rig = Seeded();
        rig.ShadowSaid.TakesLoad = TimeSpan.FromMilliseconds(30);
        rig.ShadowSaid.Loads = static () => CallOutcome.DoneIn(TimeSpan.FromMilliseconds(34));
        TimeSpan asked = rig.Now;
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        rig.Run(TimeSpan.FromMilliseconds(40));
        Answer(rig, won: true, s_shadow);
        rig.RunUntil(() => rig.SourceSaid.Lost.Count > 0);
        IReadOnlyList<PhaseTime> phases = rig.SourceSaid.Results["swap"].Phases;
        List<PhaseTime> inLine = [.. phases.Where(static phase => phase.Name != SwapPhases.Load)];
        foreach ((PhaseTime one, PhaseTime next) in inLine.Zip(inLine.Skip(1)))
            Assert.Equal(next.Name == SwapPhases.Fence ? phases[5].End : one.End, next.Start);
        Assert.True(phases[5].Start <= inLine[4].End, "Load begins when Commit ends at the latest");
        Assert.InRange(phases[^1].End, rig.Now - asked - TimeSpan.FromMilliseconds(2), rig.Now - asked);
        Assert.InRange(Of(phases, SwapPhases.Load).TotalMilliseconds, 30, 34);
        Assert.InRange(Of(phases, SwapPhases.Fence).TotalMilliseconds, 37, 42);
        string[] own = [.. rig.ShadowSaid.Results["swap"].Phases.Select(static p => p.Name)];
        Assert.Equal(["Verify", "Commit", "Load", "Fence", "Resume"], own);
    }

    [Fact]
    public void Without_a_complete_shadow_a_swap_is_refused_with_its_reason()
    {
        PairRig rig = new();
        rig.Source.RequestSwap("swap", false, rig.Now);
        Assert.False(rig.SourceSaid.Results["swap"].Succeeded);
        Assert.Contains("no shadow is connected", rig.SourceSaid.Results["swap"].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_lost_before_the_permit_lets_the_guest_run_on()
    {
        PairRig rig = Seeded();
        rig.Loses = message => message is EpochAck && !rig.Guest.Running;
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => !rig.Guest.Running);
        rig.Disconnect();
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
        Assert.False(rig.SourceSaid.Results["swap"].Succeeded);
        rig.Loses = _ => false;
        rig.Connect();
        rig.Sync();
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_final_epoch_that_is_not_acknowledged_in_time_lets_the_guest_run_on()
    {
        PairRig rig = Seeded();
        rig.Loses = message => message is EpochEnd { Final: true };
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => !rig.Guest.Running);
        rig.Run(SessionLimits.FinalEpochMax + TimeSpan.FromMilliseconds(10));
        Assert.True(rig.Guest.Running);
        Assert.Contains("too long", rig.SourceSaid.Results["swap"].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_lost_after_the_permit_keeps_the_guest_still_until_its_own_claim_wins()
    {
        PairRig rig = Permitted();
        rig.Disconnect();
        rig.Run(TimeSpan.FromSeconds(1));
        Assert.False(rig.Guest.Running);
        FenceClaim claim = Assert.Single(rig.SourceSaid.Claims);
        Assert.Equal((new Generation(1), s_primary), (claim.Expected, claim.Claimant));
        rig.Source.OnClaimAnswered(claim.Request, null, rig.Now);
        rig.Run(SessionLimits.ClaimRetry + TimeSpan.FromMilliseconds(5));
        Assert.False(rig.Guest.Running);
        Assert.Equal(claim, rig.SourceSaid.Claims[1]);
        rig.Source.OnClaimAnswered(
            claim.Request, new FenceAnswer(true, new Ownership(new(2), s_primary, claim.Request)), rig.Now);
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
        Assert.Equal([new Generation(2)], rig.SourceSaid.Raised);
        Assert.Equal(new Generation(2), rig.Source.Generation);
    }

    [Fact]
    public void A_lost_claim_keeps_the_copy_until_the_VM_is_known_to_run_elsewhere()
    {
        PairRig rig = Permitted();
        rig.Disconnect();
        FenceClaim claim = Assert.Single(rig.SourceSaid.Claims);
        Ownership other = new(new Generation(2), s_shadow, "theirs");
        rig.Source.OnClaimAnswered(claim.Request, new FenceAnswer(false, other), rig.Now);
        rig.Run(TimeSpan.FromSeconds(1));
        Assert.True(rig.Source.IsYielded);
        Assert.False(rig.Guest.Running);
        Assert.Empty(rig.SourceSaid.Lost);
        rig.Source.OnOwnership(other, runsThere: true, rig.Now);
        Assert.Equal([new Generation(2)], rig.SourceSaid.Lost);
        Assert.True(rig.SourceSaid.Results["swap"].Succeeded);
    }

    [Fact]
    public void A_copy_that_was_kept_runs_on_when_the_VM_is_handed_back()
    {
        PairRig rig = Permitted();
        rig.Disconnect();
        rig.Source.OnClaimAnswered(
            rig.SourceSaid.Claims[0].Request, new FenceAnswer(false, new Ownership(new(2), s_shadow, "theirs")),
            rig.Now);
        rig.Source.OnOwnership(new Ownership(new Generation(3), s_primary, "takeover"), runsThere: false, rig.Now);
        Assert.True(rig.Guest.Running);
        Assert.Equal(new Generation(3), rig.Source.Generation);
        Assert.False(rig.SourceSaid.Results["swap"].Succeeded);
    }

    [Fact]
    public void A_claim_that_loses_to_the_primary_puts_the_shadow_back_to_following()
    {
        PairRig rig = Permitted();
        FenceClaim theirs = rig.ShadowSaid.Claims[0];
        rig.Shadow.OnClaimAnswered(
            theirs.Request, new FenceAnswer(false, new Ownership(new(2), s_primary, "mine")), rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.Equal(ShadowPhase.Following, rig.Shadow.Phase);
        Assert.Empty(rig.ShadowSaid.Ran);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void An_unknown_answer_makes_the_shadow_ask_the_same_claim_again()
    {
        PairRig rig = Permitted();
        FenceClaim claim = rig.ShadowSaid.Claims[0];
        rig.Shadow.OnClaimAnswered(claim.Request, null, rig.Now);
        rig.Run(SessionLimits.ClaimRetry + TimeSpan.FromMilliseconds(5));
        Assert.Equal([claim, claim], rig.ShadowSaid.Claims);
        Assert.Equal(ShadowPhase.Claiming, rig.Shadow.Phase);
    }

    [Fact]
    public void A_standby_that_does_not_load_declines_and_the_primary_runs_on_at_once()
    {
        PairRig rig = Seeded();
        rig.ShadowSaid.Loads = () => CallOutcome.Failed("unknown section");
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.SourceSaid.Results.ContainsKey("swap"));
        Assert.Contains("unknown section", rig.SourceSaid.Results["swap"].Detail, StringComparison.Ordinal);
        Assert.True(rig.Guest.Running);
        Assert.Empty(rig.ShadowSaid.Claims);
        rig.ShadowSaid.Loads = () => CallOutcome.Done;
        rig.Run(TimeSpan.FromSeconds(1));
        rig.Source.RequestSwap("again", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
    }

    [Fact]
    public void A_source_that_restarts_while_held_claims_before_it_runs()
    {
        PairRig rig = Permitted();
        rig.Disconnect();
        rig.NewSource(held: rig.Guest.Held);
        rig.Run(TimeSpan.FromMilliseconds(50));
        Assert.False(rig.Guest.Running);
        FenceClaim claim = Assert.Single(rig.SourceSaid.Claims);
        rig.Source.OnClaimAnswered(
            claim.Request, new FenceAnswer(true, new Ownership(new(2), s_primary, claim.Request)), rig.Now);
        Assert.True(rig.Guest.Running);
    }

    [Fact]
    public void A_source_that_restarts_unheld_lets_a_guest_run_that_a_barrier_left_paused()
    {
        PairRig rig = Seeded();
        rig.Disconnect();
        rig.Guest.Running = false;
        rig.NewSource();
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.True(rig.Guest.Running);
    }

    [Fact]
    public void A_takeover_runs_the_last_acknowledged_epoch()
    {
        PairRig rig = Seeded();
        rig.Sync();
        EpochNumber acknowledged = rig.Source.Acknowledged;
        rig.Disconnect();
        rig.Shadow.TakeOver("takeover", new Generation(2), rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(10));
        Assert.Equal([new Generation(2)], rig.ShadowSaid.Ran);
        Assert.True(rig.ShadowSaid.Results["takeover"].Succeeded);
        Assert.Equal(acknowledged, rig.ShadowSaid.Results["takeover"].Epoch);
        Assert.Equal(ShadowPhase.Running, rig.Shadow.Phase);
    }

    [Fact]
    public void A_takeover_tries_until_the_standby_runs()
    {
        PairRig rig = Seeded();
        rig.Disconnect();
        int failures = 2;
        rig.ShadowSaid.Runs = () => failures-- > 0 ? CallOutcome.Failed("does not run") : CallOutcome.Done;
        rig.Shadow.TakeOver("takeover", new Generation(2), rig.Now);
        rig.Run(TimeSpan.FromSeconds(3));
        Assert.Equal(ShadowPhase.Running, rig.Shadow.Phase);
        Assert.Equal(3, rig.ShadowSaid.Ran.Count);
    }

    [Fact]
    public void A_winner_whose_memory_was_lost_before_the_vm_ran_gives_it_up_for_good()
    {
        PairRig rig = Seeded();
        rig.Sync();
        rig.Disconnect();
        rig.Media.LoseHost("boot-1", static () => false);
        rig.NewShadow();
        rig.Shadow.TakeOver("takeover", new Generation(2), rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(10));
        Assert.Equal(new Generation(2), rig.Shadow.GivenUp);
        Assert.False(rig.ShadowSaid.Results["takeover"].Succeeded);
        Assert.Empty(rig.ShadowSaid.Ran);
        // Also the next agent says so, and is of use to the one who gets the VM back.
        rig.NewShadow();
        Assert.Null(rig.Shadow.GivenUp);
        rig.Shadow.TakeOver("takeover", new Generation(2), rig.Now);
        Assert.Equal(new Generation(2), rig.Shadow.GivenUp);
        Assert.Equal(new Generation(3), rig.Shadow.Store.Promised);
        rig.NewSource(generation: new Generation(3));
        rig.Seed();
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_winner_whose_vm_may_have_run_before_its_memory_was_lost_gives_nothing_up()
    {
        PairRig rig = Seeded();
        rig.Disconnect();
        rig.ShadowSaid.Runs = static () => CallOutcome.Failed("its answer was lost");
        rig.Shadow.TakeOver("takeover", new Generation(2), rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(10));
        Assert.NotEmpty(rig.ShadowSaid.Ran);
        rig.Media.LoseHost("boot-1", static () => false);
        rig.NewShadow();
        rig.Shadow.TakeOver("takeover", new Generation(2), rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(10));
        Assert.Null(rig.Shadow.GivenUp);
        Assert.Empty(rig.ShadowSaid.Ran);
    }

    [Fact]
    public void A_blank_shadow_takes_nothing_over()
    {
        PairRig rig = new();
        rig.Shadow.TakeOver("takeover", new Generation(2), rig.Now);
        Assert.False(rig.ShadowSaid.Results["takeover"].Succeeded);
        Assert.Empty(rig.ShadowSaid.Ran);
    }

    [Fact]
    public void Consent_is_refused_while_the_primary_is_heard()
    {
        PairRig rig = Seeded();
        rig.Shadow.RequestConsent("consent", new Generation(1), TimeSpan.FromSeconds(2), rig.Now);
        Assert.False(rig.ShadowSaid.Results["consent"].Succeeded);
        rig.Sync();
    }

    [Fact]
    public void Consent_asks_no_silence_of_a_primary_that_is_proven_off()
    {
        PairRig rig = Seeded();
        rig.Shadow.RequestConsent("consent", new Generation(1), lease: null, rig.Now);
        Assert.True(rig.ShadowSaid.Results["consent"].Succeeded);
        Assert.Equal(new Generation(2), rig.Shadow.Store.Promised);
    }

    [Fact]
    public void A_shadow_that_has_consented_refuses_the_old_generation_also_after_a_restart()
    {
        PairRig rig = Seeded();
        rig.Disconnect();
        TimeSpan lease = TimeSpan.FromSeconds(2);
        rig.Now += LeaseRules.WitnessWait(lease);
        rig.Shadow.RequestConsent("consent", new Generation(1), lease, rig.Now);
        Assert.Equal(new Generation(1), rig.ShadowSaid.Results["consent"].Generation);
        Assert.True(rig.ShadowSaid.Results["consent"].Succeeded);
        Assert.True(rig.ShadowSaid.Results["consent"].Silence >= LeaseRules.WitnessWait(lease));
        rig.NewShadow();
        rig.ToSource.Clear();
        rig.Connect();
        rig.Run(TimeSpan.FromMilliseconds(5));
        ShadowHello answer = Assert.Single(rig.ToSource.OfType<ShadowHello>());
        Assert.Equal(HelloOutcome.StaleGeneration, answer.Outcome);
        FenceClaim claim = Assert.Single(rig.SourceSaid.Claims);
        Assert.True(rig.Guest.Running);
        rig.Source.OnClaimAnswered(
            claim.Request, new FenceAnswer(true, new Ownership(new(2), s_primary, claim.Request)), rig.Now);
        rig.Connect();
        rig.Sync();
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_consent_asked_for_twice_refuses_the_same_generation()
    {
        PairRig rig = Seeded();
        rig.Disconnect();
        rig.Now += TimeSpan.FromSeconds(10);
        rig.Shadow.RequestConsent("one", new Generation(1), TimeSpan.FromSeconds(2), rig.Now);
        rig.Shadow.RequestConsent("two", new Generation(1), TimeSpan.FromSeconds(2), rig.Now);
        Assert.Equal(new Generation(1), rig.ShadowSaid.Results["two"].Generation);
        Assert.Equal(new Generation(2), rig.Shadow.Store.Promised);
    }

    private static PairRig Seeded()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        return rig;
    }

    private static TimeSpan Of(IReadOnlyList<PhaseTime> phases, string name) =>
        Assert.Single(phases, phase => phase.Name == name).Duration;

    private static PairRig Permitted()
    {
        PairRig rig = Seeded();
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        return rig;
    }

    private static void Answer(PairRig rig, bool won, HostId holder)
    {
        FenceClaim claim = rig.ShadowSaid.Claims[^1];
        rig.Shadow.OnClaimAnswered(
            claim.Request, new FenceAnswer(won, new Ownership(claim.Expected.Next, holder, claim.Request)), rig.Now);
    }
}
