using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Core.Epochs;

/// <summary>What a source session is told at its start.</summary>
public sealed record SourceOptions
{
    /// <summary>The VM.</summary>
    public required VmId Vm { get; init; }

    /// <summary>This host: the claimant of the session's claims.</summary>
    public required HostId Host { get; init; }

    /// <summary>Generation under which the VM runs here.</summary>
    public required Generation Generation { get; init; }

    /// <summary>Random number, different for every session object.</summary>
    public required ulong Session { get; init; }

    /// <summary>The policy; <see cref="SourceSession.SetPolicy"/> changes it.</summary>
    public required ProtectionPolicy Policy { get; init; }

    /// <summary>The pair's content hash.</summary>
    public required IContentHash Hash { get; init; }

    /// <summary>The pair's compressors.</summary>
    public BatchCodecs Codecs { get; init; } = BatchCodecs.None;

    /// <summary>How batches are compressed.</summary>
    public BatchCompression Compression { get; init; } = BatchCompression.Auto;

    /// <summary>
    /// Newest epoch ever cut of this VM, as far as known: numbers go on from there, or from the shadow's.
    /// </summary>
    public EpochNumber LastEpoch { get; init; }

    /// <summary>The durable note found by a new agent that the guest must stay paused; null: there was none.</summary>
    public HeldMark? Held { get; init; }

    /// <summary>
    /// Run deadline that an earlier agent process had put in force with the guard, on the session's clock; null: none.
    /// </summary>
    public TimeSpan? LeaseCarriedUntil { get; init; }
}

/// <summary>A source session at one moment, for status displays. A copy, safe to hand to other threads.</summary>
public sealed record SourceStatus
{
    /// <summary>Generation under which the VM runs, or ran, here.</summary>
    public required Generation Generation { get; init; }

    /// <summary>How well the VM is protected.</summary>
    public required ProtectionState Protection { get; init; }

    /// <summary>Why, for people.</summary>
    public required string Reason { get; init; }

    /// <summary>The figures. Tracker and brakes are the shell's to fill in.</summary>
    public required SyncStatus Sync { get; init; }

    /// <summary>Whether the guest is kept paused (swap under way, lease over).</summary>
    public required bool Paused { get; init; }

    /// <summary>The lease in force, with a deadline put to the guard; null: none is.</summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>
    /// Until when a confirmed lease lets the VM run, on the session's clock; null: under no lease, or none had.
    /// </summary>
    public TimeSpan? LeaseUntil { get; init; }
}
