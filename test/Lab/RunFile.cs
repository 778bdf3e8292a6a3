using System.Diagnostics;

namespace Umbra.Lab;

/// <summary>
/// The list of everything a lab has made outside its own process, written before each thing is made, so that a later
/// run can remove what a killed one left. One file per lab in <see cref="Directory"/>, one <c>KIND VALUE</c> a line.
/// The lab's process holds the file locked: a file that can be locked belongs to a dead lab.
/// </summary>
/// <remarks>
/// Processes are not listed: every process of a lab, also one that detached itself, lives in one of the lab's network
/// namespaces, and membership there is certain, where a process id may have been given to somebody else.
/// </remarks>
public sealed class RunFile : IDisposable
{
    /// <summary>Where the files of all labs of this machine are.</summary>
    public const string Directory = "/run/umbra-lab";

    private static readonly TimeSpan KillTime = TimeSpan.FromSeconds(20);
    private static readonly Lock OneCleanup = new();

    private readonly FileStream _file;
    private readonly StreamWriter _writer;

    private RunFile(string id, FileStream file)
    {
        Id = id;
        _file = file;
        _writer = new StreamWriter(file) { AutoFlush = true };
    }

    /// <summary>Short random name of the lab; part of everything it makes.</summary>
    public string Id { get; }

    /// <summary>Opens the file of a new lab.</summary>
    public static RunFile Create()
    {
        System.IO.Directory.CreateDirectory(Directory);
        while (true)
        {
            string id = Guid.NewGuid().ToString("N")[..6];
            string path = PathOf(id);
            if (File.Exists(path)) continue;
            // Locked before it has its name, so that nobody takes it for a dead lab's.
            var file = new FileStream(path + ".new", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
            File.Move(path + ".new", path);
            return new RunFile(id, file);
        }
    }

    /// <summary>Notes a network namespace.</summary>
    public void Namespace(string name) => Note("namespace", name);

    /// <summary>Notes a mount point.</summary>
    public void Mount(string path) => Note("mount", path);

    /// <summary>Notes a file, or a directory with all that is in it.</summary>
    public void Tree(string path) => Note("tree", path);

    /// <summary>Notes a control group's directory.</summary>
    public void Group(string path) => Note("group", path);

    /// <summary>Notes a file or a device of <see cref="CompressedMemory"/> that the machine swaps to.</summary>
    public void Swap(string path) => Note("swap", path);

    /// <summary>Notes that the lab stays when its process ends, until somebody asks for its removal by name.</summary>
    public void Keep() => Note("keep", "");

    /// <summary>Removes everything noted, and the file.</summary>
    public void RemoveAll()
    {
        _writer.Flush();
        _file.Position = 0;
        Remove(_file);
        File.Delete(PathOf(Id));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _writer.Dispose();
        _file.Dispose();
    }

    /// <summary>
    /// Removes what dead labs left; with <paramref name="kept"/> also those that were to stay. Their ids.
    /// </summary>
    public static IReadOnlyList<string> RemoveDead(bool kept)
    {
        var removed = new List<string>();
        if (!System.IO.Directory.Exists(Directory)) return removed;
        lock (OneCleanup)
        {
            foreach (string path in System.IO.Directory.EnumerateFiles(Directory, "*.run"))
            {
                if (TryRemoveDead(path, kept)) removed.Add(Path.GetFileNameWithoutExtension(path));
            }
        }

        return removed;
    }

    private static bool TryRemoveDead(string path, bool kept)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            if (!kept && ReadLines(file).Any(line => line.Kind == "keep")) return false;
            file.Position = 0;
            Remove(file);
            File.Delete(path);
            return true;
        }
        catch (IOException)
        {
            // Locked: its lab lives, or another process is removing it.
            return false;
        }
    }

    private static string PathOf(string id) => Path.Combine(Directory, id + ".run");

    private void Note(string kind, string value) => _writer.WriteLine($"{kind} {value}");

    private static List<(string Kind, string Value)> ReadLines(FileStream file)
    {
        var lines = new List<(string, string)>();
        using var reader = new StreamReader(file, leaveOpen: true);
        while (reader.ReadLine() is { } line)
        {
            string[] words = line.Split(' ', 2);
            if (words.Length == 2) lines.Add((words[0], words[1]));
        }

        return lines;
    }

    /// <summary>
    /// Processes first, so that nothing is made anew; then groups, swap, mounts, files, namespaces. Repeatable.
    /// </summary>
    private static void Remove(FileStream file)
    {
        List<(string Kind, string Value)> lines = ReadLines(file);
        string[] Of(string kind) => [.. lines.Where(line => line.Kind == kind).Select(line => line.Value).Reverse()];
        string[] namespaces = [.. Of("namespace").Where(name => File.Exists("/run/netns/" + name))];
        KillAll(namespaces);
        foreach (string group in Of("group")) HostGroup.Remove(group);
        foreach (string swap in Of("swap"))
        {
            ShellCommand.TryRun("swapoff", swap);
            CompressedMemory.Remove(swap);
        }

        foreach (string mount in Of("mount")) ShellCommand.TryRun("umount", "--lazy", mount);
        foreach (string tree in Of("tree"))
        {
            if (System.IO.Directory.Exists(tree)) System.IO.Directory.Delete(tree, recursive: true);
            else File.Delete(tree);
        }

        foreach (string name in namespaces) ShellCommand.Ip($"netns delete {name}");
    }

    private static void KillAll(string[] namespaces)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            int[] alive = [.. namespaces.SelectMany(NetworkNamespace.Processes)];
            if (alive.Length == 0) return;
            foreach (int pid in alive) TryKill(pid);
            if (Stopwatch.GetElapsedTime(start) > KillTime)
                throw new CommandException($"processes {string.Join(' ', alive)} of a lab do not end");
            // Nobody's children tell nobody of their end.
            Thread.Sleep(5);
        }
    }

    private static void TryKill(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // Gone already.
        }
    }
}
