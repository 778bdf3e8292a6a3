using Umbra.Core.Basics;

namespace Umbra.Qemu.Machines;

/// <summary>
/// What QEMU writes beside its disks: the guest's console and its own standard error. Both are appended to for as long
/// as the VM runs, by a guest as much as it likes, and by QEMU a line for each backup of a disk.
/// </summary>
public static class QemuLogs
{
    /// <summary>Size that a log is turned at.</summary>
    public const long BytesMax = 4 * Sizes.MiB;

    /// <summary>What the name of a log's earlier part ends with.</summary>
    public const string EarlierSuffix = ".1";

    /// <summary>
    /// Turns the logs that have become too long: what is in them goes to a file beside, in place of what was there, and
    /// they begin anew. QEMU appends, so it need not know. What it writes in between is lost.
    /// </summary>
    public static void Turn(HostPaths paths)
    {
        Turn(paths.ConsoleLog);
        Turn(paths.ErrorLog);
    }

    private static void Turn(string path)
    {
        if (path.Length == 0 || new FileInfo(path) is not { Exists: true, Length: > BytesMax }) return;
        // On a full disk the earlier part cannot be kept, and room is what is needed.
        Try(() => File.Copy(path, path + EarlierSuffix, overwrite: true));
        Try(() => new FileStream(path, FileMode.Truncate, FileAccess.Write, FileShare.ReadWrite).Dispose());
    }

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Tried again at the next look.
        }
    }
}
