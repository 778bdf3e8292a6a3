using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>A source session under a lease: when its guest stands still, and when it runs again.</summary>
public sealed class LeaseHoldingTests
{
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(2);

    [Fact]
    public void A_guest_whose_witnesses_are_both_silent_is_paused_and_marked()
    {
        PairRig rig = Leased();
        rig.Loses = _ => true;
        rig.Run(s_lease + TimeSpan.FromMilliseconds(300));
        Assert.False(rig.Guest.Running);
        Assert.Equal(HeldReason.Lease, rig.Guest.Held!.Reason);
        Assert.Equal(ProtectionState.Degraded, rig.Source.Status(rig.Now).Protection);
    }

    [Fact]
    public void The_shadows_word_alone_keeps_the_guest_running()
    {
        PairRig rig = Leased();
        rig.Run(s_lease * 3);
        Assert.True(rig.Guest.Running);
    }

    [Fact]
    public void The_controllers_word_alone_keeps_the_guest_running_and_ends_with_it()
    {
        PairRig rig = Leased();
        rig.Disconnect();
        for (int n = 0; n < 10; n++)
        {
            rig.Source.ControllerConfirmed(rig.Now);
            rig.Run(TimeSpan.FromMilliseconds(500));
        }

        Assert.True(rig.Guest.Running);
        rig.Run(s_lease);
        Assert.False(rig.Guest.Running);
        rig.Source.ControllerConfirmed(rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
    }

    [Fact]
    public void An_answer_counts_from_the_sending_of_its_request()
    {
        PairRig rig = Leased();
        rig.Disconnect();
        TimeSpan sent = rig.Now;
        rig.Run(TimeSpan.FromSeconds(1.5));
        rig.Source.ControllerConfirmed(sent);
        rig.Run(TimeSpan.FromSeconds(0.6));
        Assert.False(rig.Guest.Running);
    }

    [Fact]
    public void The_guard_is_told_the_deadline_that_is_in_force()
    {
        PairRig rig = Leased();
        TimeSpan? told = null;
        rig.Guest.RunDeadline = deadline => told = deadline;
        TimeSpan sent = rig.Now + TimeSpan.FromSeconds(1);
        rig.Source.ControllerConfirmed(sent);
        Assert.Equal(sent + s_lease, told);
    }

    [Fact]
    public void A_guest_that_the_guard_stopped_before_a_late_session_knew_runs_again()
    {
        PairRig rig = Leased();
        rig.Disconnect();
        rig.Run(TimeSpan.FromMilliseconds(100));
        rig.Now += TimeSpan.FromSeconds(4);
        rig.Guest.Running = false;
        rig.Guest.Held = new HeldMark(HeldReason.Lease, new(1), "");
        rig.Source.ControllerConfirmed(rig.Now - TimeSpan.FromMilliseconds(10));
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
    }

    [Fact]
    public void A_restarted_agent_waits_for_a_witness_unless_a_lease_is_still_in_force()
    {
        PairRig rig = Leased();
        rig.Disconnect();
        rig.NewSource(leaseCarried: rig.Now + TimeSpan.FromSeconds(1));
        rig.Run(TimeSpan.FromMilliseconds(50));
        Assert.True(rig.Guest.Running);
        rig.NewSource();
        rig.Run(TimeSpan.FromMilliseconds(50));
        Assert.False(rig.Guest.Running);
        rig.Source.ControllerConfirmed(rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.True(rig.Guest.Running);
    }

    [Fact]
    public void Nothing_is_cut_while_the_lease_is_over()
    {
        PairRig rig = Leased();
        rig.Loses = message => message is HeartbeatEcho;
        rig.Run(s_lease + TimeSpan.FromMilliseconds(300));
        Assert.False(rig.Guest.Running);
        int epochs = rig.SourceSaid.Epochs.Count;
        rig.Run(TimeSpan.FromMilliseconds(500));
        Assert.Equal(epochs, rig.SourceSaid.Epochs.Count);
    }

    [Fact]
    public void A_barrier_that_outlasts_the_lease_leaves_the_guest_paused_until_a_witness_is_heard()
    {
        PairRig rig = Leased();
        TimeSpan? deadline = null;
        rig.Guest.RunDeadline = told => deadline = told;
        rig.Guest.MayResume = () => rig.Now >= deadline ? CallOutcome.Failed("its lease is over") : CallOutcome.Done;
        rig.Source.ControllerConfirmed(rig.Now);
        rig.Guest.Intercept = call =>
        {
            if (call != nameof(ISourceGuest.SaveDeviceState)) return null;
            rig.Guest.Intercept = _ => null;
            rig.Now += s_lease * 2;
            return null;
        };
        rig.Loses = message => message is HeartbeatEcho;
        rig.RunUntil(() => rig.Guest.Held is not null);
        Assert.False(rig.Guest.Running);
        Assert.Equal(HeldReason.Lease, rig.Guest.Held!.Reason);
        rig.Source.ControllerConfirmed(rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
    }

    [Fact]
    public void A_guest_that_does_not_stop_is_left_to_its_guard_and_marked_once_it_stands_still()
    {
        PairRig rig = Leased();
        rig.Loses = _ => true;
        rig.Guest.Intercept = call => call == nameof(ISourceGuest.Stop) ? CallOutcome.Failed("no answer") : null;
        rig.Run(s_lease + TimeSpan.FromMilliseconds(300));
        Assert.Null(rig.Guest.Held);
        rig.Guest.Intercept = _ => null;
        rig.Run(SessionLimits.GuestRetry + TimeSpan.FromMilliseconds(5));
        Assert.False(rig.Guest.Running);
        Assert.Equal(HeldReason.Lease, rig.Guest.Held!.Reason);
    }

    [Fact]
    public void A_guest_that_cannot_be_saved_stands_still_all_the_same()
    {
        PairRig rig = Leased();
        rig.Loses = _ => true;
        rig.Guest.Intercept = call => call == nameof(ISourceGuest.Pause) ? CallOutcome.Failed("a blocker") : null;
        rig.Run(s_lease + TimeSpan.FromMilliseconds(300));
        Assert.False(rig.Guest.Running);
        Assert.NotNull(rig.Guest.Held);
    }

    [Fact]
    public void A_note_that_only_the_guard_made_is_taken_back_when_the_lease_is_regained()
    {
        PairRig rig = Leased();
        rig.Loses = message => message is HeartbeatEcho;
        rig.Guest.Intercept = call => call == nameof(ISourceGuest.Stop) ? CallOutcome.Failed("no answer") : null;
        rig.Run(s_lease + TimeSpan.FromMilliseconds(300));
        rig.Guest.Running = false;
        rig.Guest.Held = new HeldMark(HeldReason.Lease, new(1), "");
        rig.Source.ControllerConfirmed(rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.True(rig.Guest.Running);
        Assert.Null(rig.Guest.Held);
    }

    [Fact]
    public void A_yielded_guest_that_does_not_stop_is_stopped_again_before_it_is_marked()
    {
        PairRig rig = Leased();
        rig.Guest.Intercept = call => call == nameof(ISourceGuest.Stop) ? CallOutcome.Failed("no answer") : null;
        rig.Source.OnOwnership(new Ownership(new(2), new HostId("b"), "theirs"), runsThere: false, rig.Now);
        Assert.Null(rig.Guest.Held);
        rig.Guest.Intercept = _ => null;
        rig.Run(SessionLimits.GuestRetry + TimeSpan.FromMilliseconds(5));
        Assert.False(rig.Guest.Running);
        Assert.Equal(HeldReason.Swap, rig.Guest.Held!.Reason);
    }

    [Fact]
    public void A_lost_guest_keeps_its_deadline_until_it_stands_still()
    {
        PairRig rig = Leased();
        TimeSpan? deadline = TimeSpan.MaxValue;
        rig.Guest.RunDeadline = told => deadline = told;
        rig.Guest.Intercept = call => call == nameof(ISourceGuest.Stop) ? CallOutcome.Failed("no answer") : null;
        rig.Source.OnOwnership(new Ownership(new(2), new HostId("b"), "theirs"), runsThere: true, rig.Now);
        Assert.Single(rig.SourceSaid.Lost);
        Assert.NotNull(deadline);
        rig.Guest.Intercept = _ => null;
        rig.Run(SessionLimits.GuestRetry + TimeSpan.FromMilliseconds(5));
        Assert.False(rig.Guest.Running);
        Assert.Equal(HeldReason.Swap, rig.Guest.Held!.Reason);
        Assert.Null(deadline);
    }

    [Fact]
    public void A_deadline_of_an_earlier_agent_ends_with_the_policy_that_wanted_it()
    {
        PairRig rig = new();
        TimeSpan? deadline = TimeSpan.MaxValue;
        rig.Guest.RunDeadline = told => deadline = told;
        rig.NewSource(leaseCarried: rig.Now + TimeSpan.FromSeconds(1));
        Assert.Null(deadline);
    }

    private static PairRig Leased() => PairRig.Leased(s_lease);
}
