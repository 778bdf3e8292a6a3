using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Digest of one epoch: what was sent, in order, and what the VM is after it. Both sides compute it from their own
/// data; when they agree, they mean the same epoch.
/// </summary>
public struct EpochDigest
{
    private ulong _batches;

    /// <summary>Batches taken in so far.</summary>
    public uint BatchCount { get; private set; }

    /// <summary>Takes in the next page or block batch, by its checksum.</summary>
    public void AddBatch(ulong checksum)
    {
        _batches = Chain(_batches, checksum);
        BatchCount++;
    }

    /// <summary>The digest of the whole epoch.</summary>
    /// <param name="epoch">Its number.</param>
    /// <param name="ram">RAM after it.</param>
    /// <param name="deviceState">Content hash of the whole device state.</param>
    /// <param name="configuration">Content hash of the configuration in force.</param>
    public readonly ulong Finish(EpochNumber epoch, RamDigest ram, ulong deviceState, ulong configuration)
    {
        ulong digest = Chain(_batches, BatchCount);
        digest = Chain(digest, epoch.Value);
        digest = Chain(digest, ram.Value);
        digest = Chain(digest, deviceState);
        return Chain(digest, configuration);
    }

    private static ulong Chain(ulong sum, ulong next) => RamDigest.Mix((sum * 0x9E3779B97F4A7C15) + next + 1);
}
