using Umbra.Core.Basics;

namespace Umbra.Core.Protocol;

/// <summary>
/// The pair protocol's version and its named limits: what is above them is refused before it is stored.
/// </summary>
public static class ProtocolLimits
{
    /// <summary>Version of the protocol; both sides of a pair must speak the same.</summary>
    public const byte Version = 3;

    /// <summary>Largest body of a frame, bytes.</summary>
    public const int BodyBytesMax = 512 * Sizes.KiB;

    /// <summary>Largest payload of a batch or part, bytes.</summary>
    public const int PayloadBytesMax = BodyBytesMax - 64;

    /// <summary>Largest frame, bytes: what a receive buffer has to hold.</summary>
    public const int FrameBytesMax = PairCodec.HeaderBytes + BodyBytesMax;

    /// <summary>Longest reason or detail for people, bytes of UTF-8; a sender cuts longer ones.</summary>
    public const int TextBytesMax = 1024;

    /// <summary>Longest identifier of a swap, bytes of UTF-8.</summary>
    public const int SwapIdBytesMax = 64;

    /// <summary>Longest time that one phase of a swap may have taken.</summary>
    public static readonly TimeSpan SwapTimeMax = TimeSpan.FromHours(1);

    /// <summary>Most hashes asked for, or answered, at once.</summary>
    public const int HashesPerMessage = 8192;

    /// <summary>Most writable disks of a VM.</summary>
    public const int DisksMax = 32;

    /// <summary>Most guest RAM, in pages: 16 TiB.</summary>
    public const long PageCountMax = 1L << 32;

    /// <summary>Largest disk, bytes: 1 PiB.</summary>
    public const long DiskBytesMax = 1L << 50;

    /// <summary>Largest device state or configuration of an epoch, over all its parts, bytes.</summary>
    public const int StateBytesMax = 256 * Sizes.MiB;

    /// <summary>A side that has nothing else to say sends a heartbeat after this.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromMilliseconds(200);
}
