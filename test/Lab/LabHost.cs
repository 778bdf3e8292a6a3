using System.Globalization;
using Umbra.Core.Basics;

namespace Umbra.Lab;

/// <summary>
/// What a simulated host shares with others: labels only, nothing on this machine really fails with them.
/// </summary>
/// <param name="Rack">Rack.</param>
/// <param name="PowerFeed">Power feed.</param>
/// <param name="NetworkSegment">Network segment.</param>
public sealed record FailureDomains(string Rack, string PowerFeed, string NetworkSegment);

/// <summary>
/// One simulated host: a network namespace with an interface on the management network and a bridge on the guests'
/// LAN, directories of its own, failure domains of its own, and an agent.
/// </summary>
public sealed class LabHost
{
    /// <summary>The bridge that guests' taps hang on, the same name on every host.</summary>
    public const string GuestBridge = "br0";

    private const string ManagementInterface = "mgmt";
    private const string FillerName = "filler";

    private readonly string _logPath;
    private LabProcess? _agent;

    internal LabHost(
        HostId name, int number, FailureDomains domains, NetworkNamespace space, LabDirectories directories)
    {
        Name = name;
        Number = number;
        Domains = domains;
        Space = space;
        StateDirectory = directories.State;
        MemoryDirectory = directories.Memory;
        _logPath = directories.Log;
    }

    /// <summary>Its name in the fleet.</summary>
    public HostId Name { get; }

    /// <summary>1 for the first host.</summary>
    public int Number { get; }

    /// <summary>What it shares with others.</summary>
    public FailureDomains Domains { get; }

    /// <summary>Its QEMU; null: the one of the tests.</summary>
    public string? QemuProgram { get; init; }

    /// <summary>Its network namespace.</summary>
    public NetworkNamespace Space { get; }

    /// <summary>Its address on the management network.</summary>
    public string Address => FleetLab.HostAddress(Number);

    /// <summary>The agent's state directory.</summary>
    public string StateDirectory { get; }

    /// <summary>Memory for VMs and shadows that its agent says it has, bytes.</summary>
    public required long VmMemoryBytes { get; init; }

    /// <summary>The agent's memory directory, on a tmpfs.</summary>
    public string MemoryDirectory { get; }

    /// <summary>What its agent is started by.</summary>
    public IReadOnlyList<string> Launcher { get; init; } = [];

    /// <summary>The control group of all its processes; null: they are in none of their own.</summary>
    public HostGroup? Group { get; init; }

    /// <summary>Its BMC; null: it has none.</summary>
    public LabBmc? Bmc { get; internal set; }

    /// <summary>Options of its agent, at each start.</summary>
    public IReadOnlyList<string> AgentOptions { get; init; } = [];

    /// <summary>Its agent; an error when none was started.</summary>
    public LabProcess Agent => _agent ?? throw new InvalidOperationException($"{Name} has no agent");

    /// <summary>Starts the agent; <paramref name="joinToken"/> is needed the first time.</summary>
    /// <param name="joinToken">The token.</param>
    /// <param name="options">Further options of the agent.</param>
    public void StartAgent(string? joinToken = null, params string[] options)
    {
        _agent?.Dispose();
        string[] command =
        [
            .. BootLauncher(), .. Launcher, .. UmbraProgram.Agent(this, joinToken), .. AgentOptions,
            .. Bmc?.AgentOptions ?? [], .. options,
        ];
        _agent = LabProcess.Start(Space, _logPath, command, Group);
    }

    /// <summary>SIGKILL to the agent alone; guests and everything else it started stay.</summary>
    public void KillAgent() => Agent.Kill();

    /// <summary>
    /// The host goes down without warning and comes back: all its processes are killed, what was in memory is gone, and
    /// its agent finds another boot id. (The namespace, its interfaces and the machine's clock stay.)
    /// </summary>
    public async Task RebootAsync()
    {
        await PowerOffAsync();
        PowerOn();
    }

    /// <summary>
    /// The first half of <see cref="RebootAsync"/>: nothing of the host runs, what was in memory is gone.
    /// </summary>
    public async Task PowerOffAsync()
    {
        string[] ids = [.. Processes()];
        if (ids.Length > 0) ShellCommand.TryRun("kill", ["-KILL", .. ids]);
        await Wait.UntilAsync(
            $"the processes of {Name} to be gone", () => Task.FromResult(!Processes().Any()), ShellCommand.TimeLimit);
        foreach (string directory in Directory.EnumerateDirectories(MemoryDirectory))
            Directory.Delete(directory, recursive: true);
        foreach (string file in Directory.EnumerateFiles(MemoryDirectory)) File.Delete(file);
    }

    /// <summary>The second half: another boot, and its agent.</summary>
    public void PowerOn()
    {
        File.WriteAllText(BootIdPath, Guid.NewGuid() + "\n");
        StartAgent();
    }

    /// <summary>Cuts the management network in both directions, as a pulled cable.</summary>
    public void CutManagement() => Space.Ip($"link set {ManagementInterface} down");

    /// <summary>Ends <see cref="CutManagement"/>.</summary>
    public void HealManagement() => Space.Ip($"link set {ManagementInterface} up");

    /// <summary>
    /// From now on so much goes out over the management network, bytes a second; what waits is held for a second.
    /// </summary>
    public void LimitManagement(long bytesPerSecond) => Space.Tc(string.Create(
        CultureInfo.InvariantCulture,
        $"qdisc replace dev {ManagementInterface} root tbf rate {bytesPerSecond}bps burst 64kb latency 1s"));

    /// <summary>Ends <see cref="LimitManagement"/>.</summary>
    public void UnlimitManagement() => Space.Tc($"qdisc del dev {ManagementInterface} root");

    /// <summary>Cuts the host's bridge off the guests' LAN.</summary>
    public void CutLan() => Space.Ip("link set lan down");

    /// <summary>Ends <see cref="CutLan"/>.</summary>
    public void HealLan() => Space.Ip("link set lan up");

    /// <summary>From now on packets that come from <paramref name="address"/> are lost on their way in.</summary>
    public void DropFrom(string address) => Filter("-A", address);

    /// <summary>Ends <see cref="DropFrom"/>.</summary>
    public void AcceptFrom(string address) => Filter("-D", address);

    /// <summary>
    /// Fills the file system of the state directory to the last byte; only where it is the lab's own small one.
    /// </summary>
    public void FillStateDisk()
    {
        // Unbuffered, so that a write fails at once and not when the file is closed.
        using FileStream filler = File.Create(Path.Combine(StateDirectory, FillerName), bufferSize: 0);
        byte[] block = new byte[Sizes.MiB];
        for (int size = block.Length; size >= 512; size /= 2) WriteUntilFull(filler, block.AsSpan(0, size));
    }

    /// <summary>Ends <see cref="FillStateDisk"/>.</summary>
    public void FreeStateDisk() => File.Delete(Path.Combine(StateDirectory, FillerName));

    internal void Dispose() => _agent?.Dispose();

    private string BootIdPath => _logPath + ".boot-id";

    private IEnumerable<string> Processes() => NetworkNamespace.Processes(Space.Name).Select(
        static id => id.ToString(System.Globalization.CultureInfo.InvariantCulture));

    // In the mount namespace of its own that 'ip netns exec' gives it.
    private IEnumerable<string> BootLauncher() => !File.Exists(BootIdPath)
        ? []
        : ["sh", "-c", "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"", BootIdPath];

    private static void WriteUntilFull(FileStream filler, ReadOnlySpan<byte> block)
    {
        try
        {
            while (true) filler.Write(block);
        }
        catch (IOException)
        {
            // Full for blocks of this size.
        }
    }

    private void Filter(string change, string address)
    {
        CommandResult result = Space.TryRun("iptables", change, "INPUT", "-s", address, "-j", "DROP");
        if (result.ExitCode != 0) throw new CommandException($"iptables on {Name}: {result.Error}");
    }
}

/// <summary>Where a host of the lab keeps its things.</summary>
internal sealed record LabDirectories(string State, string Memory, string Log);
