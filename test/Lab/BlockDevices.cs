namespace Umbra.Lab;

/// <summary>Finds the block device that files are on.</summary>
public static class BlockDevices
{
    /// <summary>
    /// MAJOR:MINOR of the whole disk that holds <paramref name="path"/>; <see cref="CommandException"/> where it is on
    /// none (tmpfs, overlay).
    /// </summary>
    public static string Under(string path)
    {
        string device = ShellCommand.Run("findmnt", "-n", "-o", "MAJ:MIN", "-T", path).Trim().Split('\n')[0].Trim();
        string node = $"/sys/dev/block/{device}";
        if (!Directory.Exists(node)) throw new CommandException($"{path} is on no block device ({device})");
        if (!File.Exists(node + "/partition")) return device;
        // A partition's directory lies in its disk's.
        string partition = Directory.ResolveLinkTarget(node, returnFinalTarget: true)!.FullName;
        return File.ReadAllText(Path.Combine(Path.GetDirectoryName(partition)!, "dev")).Trim();
    }
}
