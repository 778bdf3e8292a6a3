using Umbra.Core.Basics;

namespace Umbra.Qemu.Disks;

/// <summary>Limits of the NBD server.</summary>
public static class NbdLimits
{
    /// <summary>
    /// Longest read or write, bytes; announced to clients. A longer read is refused; a longer write ends the
    /// connection, since nothing that would have to be skipped at that length can be trusted.
    /// </summary>
    public const int RequestBytesMax = 32 * Sizes.MiB;

    /// <summary>
    /// What a connection holds in memory of a request: longer ones reach the export in pieces. A multiple of
    /// <see cref="Sizes.Block"/>; pieces end on block boundaries.
    /// </summary>
    public const int PieceBytes = Sizes.MiB;

    /// <summary>Longest export name, bytes of UTF-8 (the protocol's own limit).</summary>
    public const int NameBytesMax = 4096;

    /// <summary>
    /// Longest option, bytes: a name and a list of wished-for informations. Longer ends the connection.
    /// </summary>
    public const int OptionBytesMax = 16 * Sizes.KiB;

    /// <summary>Options in one handshake; one more ends the connection. QEMU sends 2 to 4.</summary>
    public const int OptionsMax = 64;

    /// <summary>
    /// Clients at once; one more is closed at once. Each has a thread and <see cref="PieceBytes"/> of buffer.
    /// </summary>
    public const int ConnectionsMax = 64;

    /// <summary>A client that says nothing during the handshake, or takes no reply, for this long is closed.</summary>
    public static readonly TimeSpan PeerPatience = TimeSpan.FromSeconds(10);
}
