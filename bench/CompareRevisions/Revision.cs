using System.Diagnostics;

namespace Umbra.Bench.CompareRevisions;

/// <summary>A revision in a worktree of its own, with what its runs measured.</summary>
internal sealed class Revision : IDisposable
{
    private static readonly string s_repository = Output("git", ".", "rev-parse", "--show-toplevel");

    private readonly string _directory;
    private readonly string _name;
    private int _runs;

    private Revision(string name, string directory) => (_name, _directory) = (name, directory);

    /// <summary>Values of each figure, by case and name, in the order of the first report.</summary>
    public Dictionary<(string Case, string Figure), List<double>> Figures { get; } = [];

    /// <summary>Checks a revision out and builds it.</summary>
    public static Revision CheckOut(string name)
    {
        string directory = Path.Combine("/var/tmp", $"umbra-revision-{Guid.NewGuid().ToString("N")[..8]}");
        Progress.Say($"{name}: building in {directory}");
        Output("git", s_repository, "worktree", "add", "--detach", directory, name);
        var revision = new Revision(name, directory);
        try
        {
            Run(directory, "build");
            return revision;
        }
        catch
        {
            revision.Dispose();
            throw;
        }
    }

    /// <summary>Runs the benchmark once and takes its figures.</summary>
    public void Measure(IReadOnlyList<string> benchmark)
    {
        string path = Path.Combine(_directory, ".cache", $"report-{++_runs}.json");
        Progress.Say($"{_name}: {string.Join(' ', benchmark)}");
        Run(_directory, ["bench", .. benchmark, "--report", path]);
        foreach (BenchCase one in BenchReport.Read(path).Cases)
        {
            foreach ((string figure, double? value) in one.Figures)
            {
                if (value is not { } number) continue;
                if (!Figures.TryGetValue((one.Name, figure), out List<double>? values))
                    Figures.Add((one.Name, figure), values = []);
                values.Add(number);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Output("git", s_repository, "worktree", "remove", "--force", _directory);

    private static void Run(string directory, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(directory, "dev"), arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new IOException($"./dev {string.Join(' ', arguments)} in {directory}: {process.ExitCode}\n{said}");
    }

    private static string Output(string program, string directory, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new IOException($"{program} {string.Join(' ', arguments)}: {process.ExitCode}");
    }
}
