using System.Globalization;

namespace Umbra.Lab;

/// <summary>Where the built <c>umbra</c> is and how it is called.</summary>
public static class UmbraProgram
{
    /// <summary>Root of the repository that this was built in.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>The CLI's build of the same configuration as this one's.</summary>
    public static string Path { get; } = FindProgram();

    /// <summary>Program and arguments that run the CLI.</summary>
    public static IReadOnlyList<string> Command(params IEnumerable<string> arguments) => ["dotnet", Path, .. arguments];

    /// <summary>The controller, serving <paramref name="address"/>.</summary>
    public static IReadOnlyList<string> Controller(string stateDirectory, string address) =>
        Command("controller", "run", "--state", stateDirectory, "--listen", $"{address}:{FleetLab.ControllerPort}");

    /// <summary>The agent of one host.</summary>
    public static IReadOnlyList<string> Agent(LabHost host, string? joinToken)
    {
        List<string> arguments =
        [
            "agent", "run", "--name", host.Name.Value, "--state", host.StateDirectory,
            "--memory-dir", host.MemoryDirectory, "--listen", $"{host.Address}:{FleetLab.PairPort}",
            "--rack", host.Domains.Rack, "--feed", host.Domains.PowerFeed, "--segment", host.Domains.NetworkSegment,
            "--memory", host.VmMemoryBytes.ToString(CultureInfo.InvariantCulture),
        ];
        if (joinToken is not null) arguments.AddRange(["--join", joinToken]);
        return host.QemuProgram is { } qemu ? ["env", $"UMBRA_QEMU={qemu}", .. Command(arguments)] : Command(arguments);
    }

    private static string FindRoot()
    {
        for (string? at = AppContext.BaseDirectory; at is not null; at = System.IO.Path.GetDirectoryName(at))
        {
            if (File.Exists(System.IO.Path.Combine(at, "umbra.slnx"))) return at;
        }

        throw new InvalidOperationException($"no umbra.slnx above {AppContext.BaseDirectory}");
    }

    private static string FindProgram()
    {
        // .../test/Lab/bin/Release/net10.0/ -> Release/net10.0
        string own = AppContext.BaseDirectory.TrimEnd('/');
        string framework = System.IO.Path.GetFileName(own);
        string configuration = System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(own)!);
        return System.IO.Path.Combine(
            RepositoryRoot, "src/Umbra.Cli/bin", configuration, framework, "umbra.dll");
    }
}
