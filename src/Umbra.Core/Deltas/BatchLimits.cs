using Umbra.Core.Basics;

namespace Umbra.Core.Deltas;

/// <summary>
/// Named limits of page and block batches, the same on both sides: they bound every buffer of a decoder.
/// </summary>
public static class BatchLimits
{
    /// <summary>Version of page batches; both sides of a pair must speak the same.</summary>
    public const byte PagesVersion = 2;

    /// <summary>Version of block batches.</summary>
    public const byte BlocksVersion = 3;

    /// <summary>Largest body of a batch before compression, bytes: one good send over a socket.</summary>
    public const int BodyBytesMax = 256 * Sizes.KiB;

    /// <summary>
    /// Largest body as stored, bytes: what is compressed against a history goes out so, even where it has grown.
    /// </summary>
    public const int StoredBytesMax = BodyBytesMax + (2 * Sizes.KiB);

    /// <summary>Bytes before the body.</summary>
    public const int HeaderBytes = 28;

    /// <summary>Largest batch, bytes.</summary>
    public const int PayloadBytesMax = HeaderBytes + StoredBytesMax;

    /// <summary>Most pages in one batch, however small they are encoded: 4 MiB of guest RAM.</summary>
    public const int PagesMax = 1024;

    /// <summary>Most disk operations in one batch.</summary>
    public const int OperationsMax = 4096;

    /// <summary>A disk's sector, bytes: the grain of disk operations.</summary>
    public const int Sector = 512;
}
