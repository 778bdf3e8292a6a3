using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Swap;

/// <summary>The lease's two halves: a primary that stops in time, a witness that waits long enough.</summary>
public sealed class LeaseTests
{
    private static readonly TimeSpan s_length = TimeSpan.FromSeconds(5);

    [Fact]
    public void A_lease_that_nobody_confirmed_lets_nothing_run() =>
        Assert.False(new PrimaryLease(s_length, null).MayRun(TimeSpan.Zero));

    [Fact]
    public void A_lease_ends_its_length_after_the_newest_request_was_sent()
    {
        PrimaryLease lease = new(s_length, null);
        lease.Answered(TimeSpan.FromSeconds(10));
        lease.Answered(TimeSpan.FromSeconds(7));
        Assert.True(lease.MayRun(TimeSpan.FromSeconds(14.999)));
        Assert.False(lease.MayRun(TimeSpan.FromSeconds(15)));
    }

    [Fact]
    public void A_deadline_left_by_an_earlier_agent_stays_in_force_until_it_is_passed()
    {
        PrimaryLease lease = new(s_length, TimeSpan.FromSeconds(12));
        lease.Answered(TimeSpan.FromSeconds(5));
        Assert.True(lease.MayRun(TimeSpan.FromSeconds(11)));
        Assert.False(lease.MayRun(TimeSpan.FromSeconds(12)));
    }

    [Fact]
    public void A_shorter_lease_is_in_force_at_once()
    {
        PrimaryLease lease = new(s_length, TimeSpan.FromSeconds(50));
        lease.Answered(TimeSpan.FromSeconds(10));
        lease.SetLength(TimeSpan.FromSeconds(1));
        Assert.False(lease.MayRun(TimeSpan.FromSeconds(11)));
    }

    [Fact]
    public void A_witness_that_starts_waits_the_whole_time()
    {
        WitnessClock witness = new(TimeSpan.FromSeconds(100));
        Assert.False(witness.Expired(TimeSpan.FromSeconds(105), s_length));
        Assert.True(witness.Expired(TimeSpan.FromSeconds(100) + LeaseRules.WitnessWait(s_length), s_length));
    }

    [Fact]
    public void A_witness_never_goes_back_in_time()
    {
        WitnessClock witness = new(TimeSpan.FromSeconds(100));
        witness.Heard(TimeSpan.FromSeconds(90));
        Assert.Equal(TimeSpan.FromSeconds(100), witness.LastHeard);
        Assert.Equal(TimeSpan.Zero, witness.Silence(TimeSpan.FromSeconds(95)));
    }

    [Theory]
    [InlineData(1.001, 0.999)]
    [InlineData(0.999, 1.001)]
    [InlineData(1.0, 1.0)]
    public void The_primary_stops_before_its_witness_may_think_so_however_the_clocks_drift(
        double primaryRate, double witnessRate)
    {
        // The request was answered at once: the worst case for the witness, who hears it when it is sent.
        foreach (double seconds in (double[])[1, 5, 60, 3600])
        {
            TimeSpan lease = TimeSpan.FromSeconds(seconds);
            TimeSpan primaryStops = (lease / primaryRate) + LeaseRules.ReactionMax;
            TimeSpan witnessWaits = LeaseRules.WitnessWait(lease) / witnessRate;
            Assert.True(
                primaryStops <= witnessWaits + TimeSpan.FromMilliseconds(1), $"{primaryStops} after {witnessWaits}");
        }
    }
}
