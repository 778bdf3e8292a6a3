using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>A source session whose shell compares both sides: nothing is sent, and nothing else stands still.</summary>
public sealed class HeldBackTests
{
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(20);

    [Fact]
    public void A_long_comparison_sends_no_epoch_and_keeps_link_and_lease_with_the_controller_away()
    {
        PairRig rig = PairRig.Leased(s_lease);
        rig.Run(TimeSpan.FromMilliseconds(500));
        rig.Source.IsHeldBack = true;
        rig.Run(TimeSpan.FromMilliseconds(200));
        int epochs = rig.SourceSaid.Epochs.Count;
        rig.Run(s_long, () => Assert.True(rig.Guest.Running));
        Assert.Equal(epochs, rig.SourceSaid.Epochs.Count);
        Assert.Empty(rig.SourceSaid.Closed);
        Assert.Null(rig.Guest.Held);
        rig.Source.IsHeldBack = false;
        rig.Run(TimeSpan.FromMilliseconds(500));
        Assert.True(rig.SourceSaid.Epochs.Count > epochs);
        Assert.Equal(ProtectionState.Protected, rig.Source.Status(rig.Now).Protection);
    }

    [Fact]
    public void A_swap_waits_for_the_comparisons_end()
    {
        PairRig rig = PairRig.Leased(s_lease);
        rig.Source.IsHeldBack = true;
        rig.Source.RequestSwap("swap", rehearsal: false, rig.Now);
        rig.Run(TimeSpan.FromSeconds(3));
        Assert.True(rig.Guest.Running);
        Assert.DoesNotContain("swap", rig.SourceSaid.Results.Keys);
        rig.Source.IsHeldBack = false;
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
    }

    [Fact]
    public void What_the_shell_took_for_itself_counts_as_heard()
    {
        PairRig rig = PairRig.Leased(TimeSpan.FromMinutes(5));
        rig.Source.IsHeldBack = true;
        rig.Loses = message => message is HeartbeatEcho;
        rig.Run(s_long, () => rig.Source.Heard(rig.Now));
        Assert.Empty(rig.SourceSaid.Closed);
        rig.Run(SessionLimits.SilenceMax * 2);
        Assert.NotEmpty(rig.SourceSaid.Closed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_pause_longer_than_lease_and_link_is_outlived_by_who_shows_that_it_lives(bool keepsAlive)
    {
        PairRig rig = PairRig.Leased(s_lease);
        TimeSpan? deadline = null;
        rig.Guest.RunDeadline = told => deadline = told;
        rig.Run(TimeSpan.FromMilliseconds(300));
        bool mayRun = false;
        rig.Guest.Intercept = call =>
        {
            if (call != nameof(ISourceGuest.Resume)) return null;
            rig.Guest.Intercept = static _ => null;
            rig.PassInCall(s_long, keepsAlive);
            mayRun = rig.Now < deadline;
            return null;
        };
        rig.Source.RequestSync("compared", rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(20));
        Assert.Equal(keepsAlive, mayRun);
        Assert.Equal(keepsAlive, rig.SourceSaid.Closed.Count == 0);
        rig.Run(TimeSpan.FromMilliseconds(300));
        Assert.Equal(keepsAlive, rig.SourceSaid.Results.ContainsKey("compared"));
    }
}
