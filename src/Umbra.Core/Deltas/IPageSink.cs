using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>Where decoded pages go, and where the pages come from that deltas refer to.</summary>
public interface IPageSink
{
    /// <summary>
    /// Copies the page as the sender last sent it (all earlier batches of the connection applied, staged ones too) to
    /// <paramref name="destination"/>, <see cref="Sizes.Page"/> bytes. Called while a batch is being checked.
    /// </summary>
    void ReadReference(long page, Span<byte> destination);

    /// <summary>
    /// Takes a page of a batch that was found sound as a whole; called in ascending order.
    /// </summary>
    /// <param name="page">Its index, below the page count given to the decoder.</param>
    /// <param name="content"><see cref="Sizes.Page"/> bytes, valid during the call.</param>
    /// <param name="hash">Content hash of them.</param>
    void Page(long page, ReadOnlySpan<byte> content, ulong hash);
}
