using Umbra.Linux.Processes;

namespace Umbra.Linux.Tests.Support;

/// <summary>A tmpfs of a few kilobytes, for disks that get full.</summary>
internal sealed class SmallFileSystem : IDisposable
{
    private static readonly TimeSpan MountTimeMax = TimeSpan.FromSeconds(10);
    private readonly TemporaryDirectory _directory = new();

    /// <summary>Mounts one; the test is skipped where that is not allowed.</summary>
    public static SmallFileSystem Mount(int bytes)
    {
        SmallFileSystem mounted = new();
        string[] arguments = ["-t", "tmpfs", "-o", $"size={bytes}", "umbra-test", mounted._directory.Path];
        CommandResult result = Command.Run("mount", arguments, MountTimeMax);
        if (result.ExitCode == 0) return mounted;
        mounted._directory.Dispose();
        Assert.Skip("mounting a tmpfs is not allowed here: " + result.Error);
        return mounted;
    }

    public string File(string name) => _directory.File(name);

    public void Dispose()
    {
        Assert.Equal(0, Command.Run("umount", [_directory.Path], MountTimeMax).ExitCode);
        _directory.Dispose();
    }
}
