namespace Umbra.Core.Health.Ipmi;

/// <summary>What to do next to have a host off.</summary>
public enum PowerOffStep
{
    /// <summary>Tell the BMC to turn it off.</summary>
    TurnOff = 0,

    /// <summary>Ask for the state again a little later.</summary>
    AskAgain = 1,

    /// <summary>The BMC has said that it is off.</summary>
    Proven = 2,

    /// <summary>Nothing was proven in time.</summary>
    GiveUp = 3,
}

/// <summary>
/// Leads a power-off with read-back. Only the BMC's own word, after the order or without one, that the host is off
/// counts: an order that was taken proves nothing, and a BMC that cannot be reached proves less.
/// </summary>
public sealed class PowerOff
{
    /// <summary>The order is repeated when the host is still on after this many answers: some BMCs lose one.</summary>
    public const int OrderEvery = 5;

    private int _answersSinceOrder = OrderEvery;

    /// <summary>Whether the host was off before anything was done.</summary>
    public bool WasOff { get; private set; }

    /// <summary>Whether the BMC was told to turn it off.</summary>
    public bool Ordered { get; private set; }

    /// <summary>What follows from an answer; <see cref="PowerState.Unknown"/>: there was none.</summary>
    /// <param name="state">What the BMC said.</param>
    /// <param name="timeIsOver">Whether the deadline has passed.</param>
    public PowerOffStep On(PowerState state, bool timeIsOver)
    {
        if (state == PowerState.Off)
        {
            WasOff = !Ordered;
            return PowerOffStep.Proven;
        }

        if (timeIsOver) return PowerOffStep.GiveUp;
        if (state != PowerState.On || ++_answersSinceOrder <= OrderEvery) return PowerOffStep.AskAgain;
        (_answersSinceOrder, Ordered) = (0, true);
        return PowerOffStep.TurnOff;
    }
}
