using Umbra.Core.Basics;

namespace Umbra.Core.Swap;

/// <summary>Who may run a VM: the register that the controller's store holds, one per VM.</summary>
/// <param name="Generation">Newest generation given out.</param>
/// <param name="Holder">Host that may run the VM under it.</param>
/// <param name="Request">The claim that won it; a repeated claim is answered the same.</param>
public sealed record Ownership(Generation Generation, HostId Holder, string Request);

/// <summary>A claim to run a VM: compare-and-set from <paramref name="Expected"/> to the next generation.</summary>
/// <param name="Expected">The generation that must still be the newest.</param>
/// <param name="Claimant">Host that wants to run it.</param>
/// <param name="Request">Unique per claim, so that a retry after a lost answer gets the same answer.</param>
public sealed record FenceClaim(Generation Expected, HostId Claimant, string Request);

/// <summary>Answer to a claim; <paramref name="Current"/> is the register after it.</summary>
public sealed record FenceAnswer(bool Won, Ownership Current);

/// <summary>The compare-and-set itself, pure. Exactly one claim per generation can win.</summary>
public static class Fencing
{
    /// <summary>
    /// Decides <paramref name="claim"/> against the register; the answer holds the register's new value.
    /// </summary>
    public static FenceAnswer Decide(Ownership current, FenceClaim claim)
    {
        if (claim.Expected == current.Generation)
            return new FenceAnswer(true, new Ownership(current.Generation.Next, claim.Claimant, claim.Request));
        bool repeated = claim.Expected.Next == current.Generation && claim.Claimant == current.Holder
            && claim.Request == current.Request;
        return new FenceAnswer(repeated, current);
    }
}
