using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>A source that promises to keep its copy of a VM which died on the swap's winner.</summary>
public sealed class KeptCopyTests
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");
    private static readonly Ownership Theirs = new(new Generation(2), B, "swap");

    [Fact]
    public void After_a_promise_the_winners_word_that_the_VM_runs_there_is_not_heeded()
    {
        var rig = Seeded();
        SwapDone done = Run(rig, arrives: false);
        rig.Source.PromiseToKeep("keep", Theirs, rig.Now);
        Assert.True(rig.SourceSaid.Results["keep"].Succeeded);
        rig.Source.On(done, rig.Now);
        Assert.Empty(rig.SourceSaid.Lost);
        Assert.False(rig.Guest.Running);
        rig.Source.OnOwnership(new Ownership(new Generation(3), A, "hand-back"), runsThere: false, rig.Now);
        Assert.True(rig.Guest.Running);
        Assert.Equal([new Generation(3)], rig.SourceSaid.Raised);
    }

    [Fact]
    public void A_copy_that_is_given_up_already_is_promised_to_nobody()
    {
        var rig = Seeded();
        Run(rig, arrives: true);
        Assert.Equal([new Generation(2)], rig.SourceSaid.Lost);
        rig.Source.PromiseToKeep("keep", Theirs, rig.Now);
        Assert.False(rig.SourceSaid.Results["keep"].Succeeded);
        Assert.False(rig.Guest.Running);
    }

    [Fact]
    public void A_promise_holds_against_no_later_winner()
    {
        var rig = Seeded();
        SwapDone done = Run(rig, arrives: false);
        rig.Source.PromiseToKeep("keep", Theirs, rig.Now);
        rig.Source.On(done with { Generation = new Generation(4) }, rig.Now);
        Assert.Equal([new Generation(4)], rig.SourceSaid.Lost);
    }

    [Fact]
    public void What_this_host_owns_by_a_newer_word_is_no_old_copy()
    {
        var rig = Seeded();
        rig.Source.OnOwnership(new Ownership(new Generation(3), A, "mine"), runsThere: false, rig.Now);
        rig.Source.PromiseToKeep("keep", Theirs, rig.Now);
        Assert.False(rig.SourceSaid.Results["keep"].Succeeded);
        rig.Run(TimeSpan.FromMilliseconds(20));
        Assert.True(rig.Guest.Running);
    }

    private static PairRig Seeded()
    {
        var rig = new PairRig();
        rig.Connect();
        rig.Sync();
        return rig;
    }

    // A swap up to the shadow's running; its news reaches the source or is still on its way.
    private static SwapDone Run(PairRig rig, bool arrives)
    {
        SwapDone? done = null;
        rig.Loses = message =>
        {
            if (message is SwapDone said) done = said;
            return message is SwapDone && !arrives;
        };
        rig.Source.RequestSwap("swap", false, rig.Now);
        rig.RunUntil(() => rig.ShadowSaid.Claims.Count > 0);
        FenceClaim claim = rig.ShadowSaid.Claims[^1];
        rig.Shadow.OnClaimAnswered(
            claim.Request, new FenceAnswer(true, Theirs with { Request = claim.Request }), rig.Now);
        rig.RunUntil(() => done is not null);
        rig.Run(TimeSpan.FromMilliseconds(5));
        return done!;
    }
}
