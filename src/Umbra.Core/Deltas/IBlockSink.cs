namespace Umbra.Core.Deltas;

/// <summary>Where decoded disk operations go, in the order in which the guest made them.</summary>
public interface IBlockSink
{
    /// <summary>
    /// Takes a write. Offset and length are whole sectors within the disk; <paramref name="data"/> is valid during the
    /// call.
    /// </summary>
    void Write(int disk, long offset, ReadOnlySpan<byte> data);

    /// <summary>
    /// Copies a page of guest RAM as the sender last sent it (all earlier batches of the connection applied, staged
    /// ones too) to <paramref name="destination"/>. Called while a batch is being checked, and again when it is given
    /// out.
    /// </summary>
    void ReadPage(long page, Span<byte> destination);

    /// <summary>Takes a range that reads as zeros from now on; whole sectors within the disk.</summary>
    void Zero(int disk, long offset, long length);
}
