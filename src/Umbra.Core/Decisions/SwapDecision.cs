using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Decisions;

/// <summary>What is to be done with a VM whose hardware may be going.</summary>
public enum SwapStep
{
    /// <summary>Nothing.</summary>
    Hold = 0,

    /// <summary>Epochs come faster, to lose less if it fails now.</summary>
    SyncFaster = 1,

    /// <summary>It should move, and what keeps it from moving is being removed.</summary>
    Prepare = 2,

    /// <summary>It should move, and a person has to say so.</summary>
    AskPerson = 3,

    /// <summary>It moves now.</summary>
    Swap = 4,

    /// <summary>It should move and cannot.</summary>
    Refuse = 5,
}

/// <summary>A decision and the reason for it, for people.</summary>
public readonly record struct SwapVerdict(SwapStep Step, string Reason);

/// <summary>
/// Decides whether a VM leaves its hardware. A wrong hint costs some bandwidth, a wrong swap a blackout, a swap onto
/// worse hardware the VM: so a hint only makes epochs come faster, a verdict moves the VM, and nothing moves it where
/// it would be no better off.
/// </summary>
public static class SwapDecision
{
    /// <summary>The decision. Depends on <paramref name="inputs"/> alone.</summary>
    public static SwapVerdict Decide(SwapInputs inputs)
    {
        Invariant.Holds(inputs.Primary.Weight >= 0 && inputs.Shadow.Weight >= 0, "a suspicion has a weight");
        if (inputs.LastWord is { } last) return OfSilent(inputs.TakeoverWaitsFor, last);
        if (inputs.Primary.Weight < DecisionLimits.SwapWeight) return BelowVerdict(inputs.Primary);
        return WhyNotThere(inputs) ?? WhyNotYet(inputs) ?? WhyAsk(inputs) ?? WhyNotNow(inputs)
            ?? new SwapVerdict(SwapStep.Swap, inputs.Primary.Explanation);
    }

    /// <summary>In words: a host fell silent under <paramref name="suspicion"/>.</summary>
    public static string FellSilentUnder(Suspicion suspicion) => string.Create(
        CultureInfo.InvariantCulture,
        $"fell silent under a suspicion of {suspicion.Weight:0.00} ({suspicion.Explanation})");

    // Nobody is left there to carry out a swap. A takeover needs its proof, suspicion or not: silence proves nothing,
    // and two running copies are worse than one on a bad host.
    private static SwapVerdict OfSilent(string? takeoverWaitsFor, Suspicion last)
    {
        string what = $"its host {FellSilentUnder(last)}, and no swap can be asked of it";
        return takeoverWaitsFor is { } awaited
            ? new SwapVerdict(SwapStep.Prepare, $"{what}; it is taken over by itself: {awaited}")
            : new SwapVerdict(SwapStep.Refuse,
                $"{what}; it may be dead or run on, and is taken over once a person or its BMC says that it is off");
    }

    private static SwapVerdict BelowVerdict(Suspicion primary)
    {
        bool faster = primary.Hint || primary.Weight >= DecisionLimits.WatchWeight;
        return faster
            ? new SwapVerdict(SwapStep.SyncFaster, primary.Explanation)
            : new SwapVerdict(SwapStep.Hold, "nothing speaks against its hardware");
    }

    // Approved or not: no person wants a VM on hardware that is as bad. Less than a verdict against the shadow's host,
    // as a few slow writes bring about, must not keep a VM where the verdict is.
    private static SwapVerdict? WhyNotThere(SwapInputs inputs) =>
        inputs.Shadow.Weight >= Math.Min(
            DecisionLimits.SwapWeight, inputs.Primary.Weight * DecisionLimits.NoBetterShare)
            ? new SwapVerdict(SwapStep.Refuse, $"the shadow's host is no better: {inputs.Shadow.Explanation}")
            : null;

    private static SwapVerdict? WhyNotYet(SwapInputs inputs)
    {
        if (inputs.Obstacle is { } obstacle)
            return new SwapVerdict(inputs.ObstaclePasses ? SwapStep.Prepare : SwapStep.Refuse, obstacle);
        var stale = inputs.IntervalMax * DecisionLimits.StaleIntervals;
        return inputs.Lag > stale
            ? new SwapVerdict(
                SwapStep.Prepare, $"the shadow's epoch is {Seconds(inputs.Lag)} old, at most {Seconds(stale)} is fresh")
            : null;
    }

    private static SwapVerdict? WhyAsk(SwapInputs inputs)
    {
        if (inputs.Approved) return null;
        if (inputs.Mode == SwapMode.Observe)
            return Ask("the policy only observes; it would be moved");
        if (inputs.Mode == SwapMode.Approve)
            return Ask("the policy wants a person's approval");
        if (inputs.SuspectedHosts >= DecisionLimits.StormHosts(inputs.FleetHosts))
            return Ask($"{inputs.SuspectedHosts} of {inputs.FleetHosts} hosts are suspected at once: that looks like a "
                + "shared cause, and moving would not help");
        if (inputs.SinceLastSwap is { } since && since < DecisionLimits.CoolDown)
            return Ask($"it was moved {Seconds(since)} ago, and moves by itself again "
                + $"{Seconds(DecisionLimits.CoolDown)} after that");
        return null;

        SwapVerdict Ask(string why) => new(SwapStep.AskPerson, $"{why}: {inputs.Primary.Explanation}");
    }

    private static SwapVerdict? WhyNotNow(SwapInputs inputs) =>
        inputs.SwapsUnderWay >= DecisionLimits.SwapsAtOnceMax
            ? new SwapVerdict(SwapStep.Prepare, $"{inputs.SwapsUnderWay} other VMs are being moved; it waits its turn")
            : null;

    private static string Seconds(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");
}
