using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>What a source session leaves behind when its VM's protection is turned off.</summary>
public sealed class EndOfProtectionTests
{
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(2);

    [Fact]
    public void A_guest_under_a_lease_has_no_deadline_any_more_when_its_protection_ends()
    {
        PairRig rig = Leased();
        TimeSpan? told = TimeSpan.Zero;
        rig.Guest.RunDeadline = deadline => told = deadline;
        Assert.True(rig.Source.TryEndProtection(rig.Now));
        Assert.Null(told);
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
    }

    [Fact]
    public void A_guest_that_the_guard_stopped_just_before_runs_again_when_its_protection_ends()
    {
        PairRig rig = Leased();
        rig.Guest.Running = false;
        rig.Guest.Held = new HeldMark(HeldReason.Lease, new(1), "");
        Assert.True(rig.Source.TryEndProtection(rig.Now));
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
    }

    [Fact]
    public void A_guest_whose_lease_is_over_stays_paused_until_a_witness_answers_and_then_its_protection_ends()
    {
        PairRig rig = Leased();
        rig.Disconnect();
        rig.Run(s_lease + TimeSpan.FromMilliseconds(300));
        Assert.False(rig.Guest.Running);
        Assert.False(rig.Source.TryEndProtection(rig.Now));
        Assert.False(rig.Guest.Running);
        rig.Source.ControllerConfirmed(rig.Now);
        Assert.True(rig.Source.TryEndProtection(rig.Now));
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
    }

    [Fact]
    public void A_swap_without_a_permit_is_called_off_and_its_guest_runs_when_its_protection_ends()
    {
        PairRig rig = Leased();
        rig.Loses = message => message is EpochAck && !rig.Guest.Running;
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.Guest.Held is { Reason: HeldReason.Swap });
        Assert.True(rig.Source.TryEndProtection(rig.Now));
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
        Assert.False(rig.SourceSaid.Results["swap"].Succeeded);
    }

    [Fact]
    public void Protection_goes_on_while_the_shadow_may_claim_the_vm()
    {
        PairRig rig = Leased();
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        Assert.False(rig.Source.TryEndProtection(rig.Now));
        Assert.False(rig.Guest.Running);
        Assert.Equal(HeldReason.Swap, rig.Guest.Held!.Reason);
    }

    [Fact]
    public void Protection_goes_on_while_another_host_has_won_the_vm_and_ends_when_it_is_handed_back()
    {
        PairRig rig = Leased();
        rig.Source.OnOwnership(new Ownership(new Generation(2), new HostId("b"), ""), runsThere: false, rig.Now);
        Assert.False(rig.Source.TryEndProtection(rig.Now));
        Assert.False(rig.Guest.Running);
        rig.Source.OnOwnership(new Ownership(new Generation(3), new HostId("a"), ""), runsThere: false, rig.Now);
        Assert.True(rig.Source.TryEndProtection(rig.Now));
        Assert.True(rig.Guest.Running);
    }

    [Fact]
    public void Protection_goes_on_until_a_guest_that_does_not_follow_runs()
    {
        PairRig rig = Leased();
        rig.Guest.MayResume = () => CallOutcome.Failed("its emulator hangs");
        Assert.False(rig.Source.TryEndProtection(rig.Now));
        rig.Guest.MayResume = () => CallOutcome.Done;
        Assert.True(rig.Source.TryEndProtection(rig.Now));
    }

    [Fact]
    public void A_sync_that_waits_fails_when_the_protection_ends()
    {
        PairRig rig = Leased();
        rig.Source.RequestSync("sync", rig.Now);
        Assert.True(rig.Source.TryEndProtection(rig.Now));
        Assert.False(rig.SourceSaid.Results["sync"].Succeeded);
    }

    private static PairRig Leased() => PairRig.Leased(s_lease);
}
