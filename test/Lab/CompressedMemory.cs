using System.Globalization;

namespace Umbra.Lab;

/// <summary>
/// Block devices whose blocks are kept compressed in memory (zram). What is swapped out to one costs some microseconds
/// to fetch, and no other part of the machine is used for it.
/// </summary>
public static class CompressedMemory
{
    private const string Control = "/sys/class/zram-control";
    private const string Prefix = "/dev/zram";

    /// <summary>Makes a device of so many bytes; its path, or null where the kernel has none.</summary>
    internal static string? TryAdd(long bytes, RunFile run)
    {
        if (!Directory.Exists(Control)) ShellCommand.TryRun("modprobe", "zram");
        if (!Directory.Exists(Control)) return null;
        try
        {
            // Reading makes one.
            string number = File.ReadAllText(Control + "/hot_add").Trim();
            run.Swap(Prefix + number);
            string size = bytes.ToString(CultureInfo.InvariantCulture);
            File.WriteAllText($"/sys/block/zram{number}/disksize", size);
            return Prefix + number;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Removes a device that nothing uses any more; anything else is left alone.</summary>
    internal static void Remove(string path)
    {
        if (!path.StartsWith(Prefix, StringComparison.Ordinal) || !File.Exists(path)) return;
        try
        {
            File.WriteAllText(Control + "/hot_remove", path[Prefix.Length..]);
        }
        catch (IOException)
        {
            // In use: it was made anew by somebody else, or the machine still swaps to it.
        }
    }
}
