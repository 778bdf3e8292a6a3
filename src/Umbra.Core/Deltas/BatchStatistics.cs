using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>What an encoder put into one batch.</summary>
public readonly record struct BatchStatistics
{
    /// <summary>Checksum of the batch: what <see cref="EpochDigest"/> is made of.</summary>
    public ulong Checksum { get; init; }

    /// <summary>Pages or disk operations in it.</summary>
    public int Entries { get; init; }

    /// <summary>Pages that are all zero.</summary>
    public int ZeroPages { get; init; }

    /// <summary>Pages sent whole.</summary>
    public int RawPages { get; init; }

    /// <summary>Pages sent as changed words.</summary>
    public int DeltaPages { get; init; }

    /// <summary>Pages sent as copies of another one in the batch.</summary>
    public int DuplicatePages { get; init; }

    /// <summary>Bytes of pages, or of disk writes, before any encoding.</summary>
    public long RawBytes { get; init; }

    /// <summary>Bytes of the body before compression.</summary>
    public int BodyBytes { get; init; }

    /// <summary>Bytes of the batch.</summary>
    public int WireBytes { get; init; }
}

/// <summary>How decoding a batch went.</summary>
/// <param name="Error">What is wrong with it, for people; empty when nothing is.</param>
/// <param name="Checksum">The batch's checksum, verified; 0 when it is corrupt.</param>
/// <param name="Entries">Pages or disk operations given to the sink.</param>
public readonly record struct BatchOutcome(string Error, ulong Checksum, int Entries)
{
    /// <summary>Whether the batch was sound and the sink has it; otherwise the sink was given nothing.</summary>
    public bool IsOk => Error.Length == 0;

    internal static BatchOutcome Corrupt(string error) => new(error, 0, 0);
}
