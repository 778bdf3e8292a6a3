using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Disks;

/// <summary>
/// Names of what following a disk adds to a QEMU, by the disk's number: an agent that comes back finds what its
/// predecessor left. Short, for QEMU takes 31 characters.
/// </summary>
public static class DiskJobNames
{
    /// <summary>What all of them begin with.</summary>
    public const string Prefix = "umbra-";

    /// <summary>The block job: a mirror or a backup.</summary>
    public static string Job(int disk) => Name("mirror", disk);

    /// <summary>The NBD client's block node; what the brake yanks.</summary>
    public static string Target(int disk) => Name("target", disk);

    /// <summary>The node that the job puts above the disk.</summary>
    public static string Filter(int disk) => Name("filter", disk);

    /// <summary>What a backup copies to: the NBD client, with errors left out.</summary>
    public static string Tolerant(int disk) => Name("tolerant", disk);

    /// <summary>The bitmap of what was written since the last cut.</summary>
    public static string Changes(int disk) => Name("changes", disk);

    /// <summary>A name of its own, at each call, for the server's voice in <see cref="Tolerant"/>.</summary>
    public static string NewVote(int disk) =>
        Name("vote", disk) + "-" + RandomNumberGenerator.GetHexString(8, lowercase: true);

    /// <summary>The NBD client's options.</summary>
    internal static JsonObject TargetOptions(int disk, string socketPath, string export) => QmpCommands.Object(
        ("driver", "nbd"),
        ("node-name", Target(disk)),
        ("server", QmpCommands.Object(("type", "unix"), ("path", socketPath))),
        ("export", export));

    private static string Name(string what, int disk) =>
        Prefix + what + "-" + disk.ToString(CultureInfo.InvariantCulture);
}
