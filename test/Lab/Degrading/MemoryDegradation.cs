using System.Globalization;

namespace Umbra.Lab.Degrading;

/// <summary>
/// A host whose memory gets slower: its processes may keep less and less of theirs, the kernel swaps out the rest and
/// fetches it when it is used.
/// </summary>
/// <param name="lab">The lab; it gives the machine something to swap to meanwhile.</param>
/// <param name="host">The host; it has a group.</param>
public sealed class MemoryDegradation(FleetLab lab, LabHost host) : Degradation
{
    private const long SwapBytes = 1L << 30;
    private static readonly TimeSpan ReclaimTime = TimeSpan.FromSeconds(60);

    // Below a fifth the host's agent stands still as well, and with it all that could move the guest.
    private static readonly double[] s_shares = [0.6, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2];

    private long _use;

    /// <inheritdoc/>
    public override string What =>
        "a memory limit of the host's control group that shrinks (its pages are really swapped out, to "
        + "compressed memory where the kernel has it, and fetched again; stands for slow memory)";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Steps { get; } =
    [
        .. s_shares.Select(static share =>
            string.Create(CultureInfo.InvariantCulture, $"{share * 100:0} % of what it uses")),
    ];

    /// <inheritdoc/>
    public override async Task GoToAsync(int step)
    {
        if (_use == 0)
        {
            lab.AddSwap(SwapBytes);
            _use = host.Group!.MemoryInUse();
        }

        await LimitAsync((long)(_use * s_shares[step]));
    }

    /// <inheritdoc/>
    public override Task UndoAsync() => LimitAsync(null);

    private Task LimitAsync(long? bytes) => Wait.UntilAsync(
        "the kernel to reclaim enough memory", () => Task.FromResult(host.Group!.TryLimitMemory(bytes)),
        ReclaimTime);
}
