using Umbra.Core.Basics;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Swap;

/// <summary>The compare-and-set: one winner per generation.</summary>
public sealed class FencingTests
{
    private static readonly Ownership s_current = new(new Generation(3), new HostId("a"), "old");

    [Fact]
    public void The_first_claim_of_a_generation_wins_and_the_second_loses()
    {
        FenceAnswer first = Fencing.Decide(s_current, new FenceClaim(new Generation(3), new HostId("b"), "x"));
        FenceAnswer second = Fencing.Decide(first.Current, new FenceClaim(new Generation(3), new HostId("a"), "y"));
        Assert.True(first.Won);
        Assert.False(second.Won);
        Assert.Equal(new Ownership(new Generation(4), new HostId("b"), "x"), second.Current);
    }

    [Fact]
    public void A_repeated_claim_gets_the_same_answer()
    {
        FenceClaim claim = new(new Generation(3), new HostId("b"), "x");
        FenceAnswer first = Fencing.Decide(s_current, claim);
        Assert.Equal(first, Fencing.Decide(first.Current, claim));
    }

    [Fact]
    public void A_claim_ahead_of_the_register_loses() =>
        Assert.False(Fencing.Decide(s_current, new FenceClaim(new Generation(4), new HostId("b"), "x")).Won);
}
