namespace Umbra.Core.Deltas;

/// <summary>Where decoded disk operations go, in the order in which the guest made them.</summary>
public interface IBlockSink
{
    /// <summary>
    /// Takes a write. Offset and length are whole sectors within the disk; <paramref name="data"/> is valid during the
    /// call.
    /// </summary>
    void Write(int disk, long offset, ReadOnlySpan<byte> data);

    /// <summary>Takes a range that reads as zeros from now on; whole sectors within the disk.</summary>
    void Zero(int disk, long offset, long length);
}
