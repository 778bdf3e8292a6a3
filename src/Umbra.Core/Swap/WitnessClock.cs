namespace Umbra.Core.Swap;

/// <summary>
/// When a witness (controller or shadow) last heard from a primary. A witness that starts has heard it just then: what
/// the primary was told before is not known any more, so the whole wait runs anew.
/// </summary>
public sealed class WitnessClock
{
    /// <summary>A clock of a witness that starts at <paramref name="start"/>.</summary>
    public WitnessClock(TimeSpan start) => LastHeard = start;

    /// <summary>When the primary was last heard, on the witness's clock.</summary>
    public TimeSpan LastHeard { get; private set; }

    /// <summary>The primary was heard. To be called before it is answered.</summary>
    public void Heard(TimeSpan now)
    {
        if (now > LastHeard) LastHeard = now;
    }

    /// <summary>For how long it was not heard.</summary>
    public TimeSpan Silence(TimeSpan now) => now > LastHeard ? now - LastHeard : TimeSpan.Zero;

    /// <summary>Whether a primary under <paramref name="lease"/> has stopped for lack of this witness.</summary>
    public bool Expired(TimeSpan now, TimeSpan lease) => Silence(now) >= LeaseRules.WitnessWait(lease);
}
