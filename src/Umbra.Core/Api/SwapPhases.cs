namespace Umbra.Core.Api;

/// <summary>
/// Names of the phases of a swap, in their order; a takeover has those from <see cref="Load"/> on that it goes through.
/// Each is measured where it happens. The diagnosis of the old host is the controller's and no part of the swap.
/// </summary>
public static class SwapPhases
{
    /// <summary>The shadow is asked whether it is ready, and brought up to date; the guest runs.</summary>
    public const string Prepare = "Prepare";

    /// <summary>The vCPUs stop, the last pages are copied, device state and disks cut.</summary>
    public const string Pause = "Pause";

    /// <summary>The last epoch is encoded, sent and staged, and its acknowledgement comes back.</summary>
    public const string FinalEpoch = "FinalEpoch";

    /// <summary>The shadow compares what it staged with the epoch's digest.</summary>
    public const string Verify = "Verify";

    /// <summary>The shadow makes the epoch its own, durably.</summary>
    public const string Commit = "Commit";

    /// <summary>
    /// The standby loads the device state: from when the epoch's contents are in place, so beside <see cref="Commit"/>.
    /// </summary>
    public const string Load = "Load";

    /// <summary>From then until the generation is won: the permit's coming, if that is later, and the claim.</summary>
    public const string Fence = "Fence";

    /// <summary>From then until the guest runs.</summary>
    public const string Resume = "Resume";

    /// <summary>The network is told of the new place, until the first round is out; none without NICs.</summary>
    public const string Announce = "Announce";

    /// <summary>The old copy is destroyed, its taps and files with it.</summary>
    public const string Isolate = "Isolate";

    /// <summary>
    /// From the last instruction on the old host to the first on the new; null where the phases do not tell.
    /// </summary>
    public static TimeSpan? Blackout(IReadOnlyList<PhaseTime> phases)
    {
        PhaseTime? pause = phases.FirstOrDefault(static phase => phase.Name == Pause);
        PhaseTime? resume = phases.FirstOrDefault(static phase => phase.Name == Resume);
        return pause is null || resume is null ? null : resume.End - pause.Start;
    }
}
