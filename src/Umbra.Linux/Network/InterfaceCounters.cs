using System.Globalization;
using Umbra.Linux.ProcFs;

namespace Umbra.Linux.Network;

/// <summary>
/// Counters of a network interface (<c>/sys/class/net/NAME/statistics</c>; the kernel's
/// Documentation/networking/statistics).
/// </summary>
/// <param name="Bytes">Bytes received and sent.</param>
/// <param name="Packets">Packets received and sent.</param>
/// <param name="Errors">Packets that were damaged on reception or could not be sent.</param>
public readonly record struct InterfaceCounters(ulong Bytes, ulong Packets, ulong Errors)
{
    /// <summary>Of the interface <paramref name="name"/> now; null when there is none.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="root">Where <c>sys</c> is mounted under.</param>
    public static InterfaceCounters? Read(string name, string root = "/")
    {
        if (!Tap.IsValid(name)) return null;
        string directory = Path.Combine(root, "sys/class/net", name, "statistics");
        return Sum(directory, "bytes") is { } bytes && Sum(directory, "packets") is { } packets
            && Sum(directory, "errors") is { } errors
            ? new InterfaceCounters(bytes, packets, errors)
            : null;
    }

    /// <summary>The number that a file of the kernel holds; null when it is none.</summary>
    public static ulong? ParseNumber(string? text)
    {
        bool good = ulong.TryParse(
            text.AsSpan().TrimEnd('\n'), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value);
        return good ? value : null;
    }

    private static ulong? Sum(string directory, string what) =>
        ParseNumber(TextFile.TryRead(Path.Combine(directory, "rx_" + what))) is { } received
        && ParseNumber(TextFile.TryRead(Path.Combine(directory, "tx_" + what))) is { } sent
            ? unchecked(received + sent)
            : null;
}
