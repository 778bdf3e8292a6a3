using Umbra.Core.Health.Ipmi;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class PowerOffTests
{
    private readonly PowerOff _sequence = new();

    [Fact]
    public void Off_already_is_proof_without_an_order()
    {
        Assert.Equal(PowerOffStep.Proven, _sequence.On(PowerState.Off, timeIsOver: false));
        Assert.True(_sequence.WasOff);
        Assert.False(_sequence.Ordered);
    }

    [Fact]
    public void An_order_is_no_proof_and_is_repeated_while_the_host_stays_on()
    {
        Assert.Equal(PowerOffStep.TurnOff, _sequence.On(PowerState.On, timeIsOver: false));
        for (int i = 0; i < PowerOff.OrderEvery; i++)
            Assert.Equal(PowerOffStep.AskAgain, _sequence.On(PowerState.On, timeIsOver: false));
        Assert.Equal(PowerOffStep.TurnOff, _sequence.On(PowerState.On, timeIsOver: false));
        Assert.Equal(PowerOffStep.GiveUp, _sequence.On(PowerState.On, timeIsOver: true));
        Assert.Equal(PowerOffStep.Proven, _sequence.On(PowerState.Off, timeIsOver: false));
        Assert.False(_sequence.WasOff);
    }

    [Fact]
    public void Silence_is_never_proof()
    {
        Assert.Equal(PowerOffStep.AskAgain, _sequence.On(PowerState.Unknown, timeIsOver: false));
        Assert.False(_sequence.Ordered);
        Assert.Equal(PowerOffStep.GiveUp, _sequence.On(PowerState.Unknown, timeIsOver: true));
    }
}
