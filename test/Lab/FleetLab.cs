using System.Globalization;
using System.Text.Json;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Lab;

/// <summary>What a lab is to be made of.</summary>
public sealed record LabOptions
{
    /// <summary>
    /// Hosts; each gets a rack, a feed and a segment of its own unless <see cref="Domains"/> says otherwise.
    /// </summary>
    public int Hosts { get; init; } = 3;

    /// <summary>Failure domains of host 1, 2, ...; null: all different.</summary>
    public Func<int, FailureDomains>? Domains { get; init; }

    /// <summary>
    /// Size of the small file system that holds the state directory of host 1, 2, ..., bytes; 0: the machine's own.
    /// </summary>
    public Func<int, long> StateBytes { get; init; } = static _ => 0;

    /// <summary>QEMU of host 1, 2, ...; null: the one of the tests.</summary>
    public Func<int, string?> QemuProgram { get; init; } = static _ => null;

    /// <summary>
    /// What agents are started by: a program and its arguments, before the agent's own; none: themselves.
    /// </summary>
    public IReadOnlyList<string> AgentLauncher { get; init; } = [];

    /// <summary>
    /// Further options of all agents. As a rule they do not read the machine's hardware: it is no part of the hosts
    /// that are simulated on it, and its trouble would be all of theirs at once.
    /// </summary>
    public IReadOnlyList<string> AgentOptions { get; init; } = ["--no-health"];

    /// <summary>Whether each host's processes have a control group, so that it can be degraded.</summary>
    public bool Groups { get; init; }

    /// <summary>Memory for VMs and shadows that each host says it has, bytes.</summary>
    public long VmMemoryBytes { get; init; } = 2L * Sizes.GiB;

    /// <summary>Whether each host has a BMC (OpenIPMI's <c>ipmi_sim</c>).</summary>
    public bool Bmcs { get; init; }
}

/// <summary>
/// A fleet on one machine: hosts as network namespaces around a namespace that holds the switches (management network
/// 10.87.0.0/24, guests' LAN 10.77.0.0/24) and the controller, and a client namespace on the guests' LAN. Nothing is
/// changed in the machine's own network, so any number of labs may stand side by side. Needs root.
/// </summary>
public sealed class FleetLab : IAsyncDisposable
{
    /// <summary>Where the controller listens, on <see cref="ControllerAddress"/>.</summary>
    public const int ControllerPort = 7410;

    /// <summary>Where agents take pair connections.</summary>
    public const int PairPort = 7411;

    /// <summary>The controller's address on the management network.</summary>
    public const string ControllerAddress = "10.87.0.1";

    /// <summary>The client's address on the guests' LAN.</summary>
    public const string ClientAddress = "10.77.0.2";

    private const string ManagementBridge = "mgmt";
    private const string LanBridge = "lan";

    private readonly RunFile _run;
    private readonly List<LabHost> _hosts = [];
    private readonly List<NamespaceDoor> _doors = [];
    private LabProcess? _controller;
    private bool _kept;

    private FleetLab(RunFile run)
    {
        _run = run;
        Directory = $"/var/tmp/umbra-lab/{run.Id}";
    }

    /// <summary>Short name of this lab.</summary>
    public string Id => _run.Id;

    /// <summary>Everything of the lab that is a file, except guest RAM.</summary>
    public string Directory { get; }

    /// <summary>Logs of all processes.</summary>
    public string LogDirectory => Path.Combine(Directory, "logs");

    /// <summary>The controller's state directory.</summary>
    public string ControllerDirectory => Path.Combine(Directory, "controller");

    /// <summary>The file by which the CLI reaches the controller.</summary>
    public string CredentialPath => Path.Combine(ControllerDirectory, "admin.json");

    /// <summary>The hosts.</summary>
    public IReadOnlyList<LabHost> Hosts => _hosts;

    /// <summary>The namespace of the switches, the controller and the CLI.</summary>
    public NetworkNamespace Center { get; private set; } = null!;

    /// <summary>The namespace of the guests' clients.</summary>
    public NetworkNamespace Client { get; private set; } = null!;

    /// <summary>The way for connections to guests.</summary>
    public NamespaceDoor ClientDoor { get; private set; } = null!;

    /// <summary>The way for connections to the controller.</summary>
    public NamespaceDoor CenterDoor { get; private set; } = null!;

    /// <summary>The controller; an error when none was started.</summary>
    public LabProcess Controller => _controller ?? throw new InvalidOperationException("there is no controller");

    /// <summary>Address of host 1, 2, ... on the management network.</summary>
    public static string HostAddress(int number) =>
        string.Create(CultureInfo.InvariantCulture, $"10.87.0.{10 + number}");

    /// <summary>
    /// Makes networks and hosts; no process of Umbra runs yet. What dead labs left is removed first.
    /// </summary>
    public static async Task<FleetLab> CreateAsync(LabOptions options)
    {
        RunFile.RemoveDead(kept: false);
        var lab = new FleetLab(RunFile.Create());
        try
        {
            lab.CreateCenter();
            for (int number = 1; number <= options.Hosts; number++) lab.CreateHost(number, options);
            lab.CenterDoor = await lab.OpenDoorAsync(lab.Center);
            lab.ClientDoor = await lab.OpenDoorAsync(lab.Client);
            foreach (LabHost host in options.Bmcs ? lab.Hosts : []) host.Bmc = await lab.StartBmcAsync(host);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Starts the controller and all agents with fresh join tokens, and waits until all hosts are alive.
    /// </summary>
    public async Task<FleetClient> StartFleetAsync(TimeSpan limit)
    {
        StartController();
        FleetClient client = await ConnectAsync(limit);
        TokenReply token = await client.CreateTokenAsync(Hosts.Count);
        foreach (LabHost host in Hosts) host.StartAgent(token.Token);
        await client.WaitAsync(
            "all hosts to be alive", fleet => fleet.Hosts.Count(host => host.Alive) == Hosts.Count, limit);
        return client;
    }

    /// <summary>Starts the controller, or starts it anew on the state of the last one.</summary>
    public void StartController()
    {
        _controller?.Dispose();
        string log = Path.Combine(LogDirectory, "controller.log");
        _controller = LabProcess.Start(Center, log, UmbraProgram.Controller(ControllerDirectory, ControllerAddress));
    }

    /// <summary>A client of the controller's API, once it answers.</summary>
    public async Task<FleetClient> ConnectAsync(TimeSpan limit)
    {
        await Wait.UntilAsync("the controller's credential file", () =>
        {
            if (Controller.HasExited) throw new CommandException("the controller ended:\n" + Controller.LogTail());
            return Task.FromResult(File.Exists(CredentialPath));
        }, limit);
        var client = FleetClient.Load(CredentialPath, CenterDoor, Diagnosis);
        await client.WaitAsync("the controller to answer", _ => true, limit);
        return client;
    }

    /// <summary>Runs the CLI as an administrator would and returns what it leaves.</summary>
    public Task<CommandResult> TryUmbraAsync(params string[] arguments) =>
        TryUmbraAsync(arguments, ShellCommand.TimeLimit);

    /// <summary>The same with a time limit.</summary>
    public Task<CommandResult> TryUmbraAsync(string[] arguments, TimeSpan limit) =>
        ShellCommand.TryRunAsync(
            "ip",
            [
                "netns", "exec", Center.Name, "env", "UMBRA_CONFIG=" + CredentialPath,
                .. UmbraProgram.Command(arguments),
            ],
            limit);

    /// <summary>Runs the CLI with JSON output and reads it; <see cref="CommandException"/> when it fails.</summary>
    public async Task<JsonDocument> UmbraAsync(params string[] arguments)
    {
        CommandResult result = await TryUmbraAsync([.. arguments, "--output", "json"]);
        if (result.ExitCode == 0) return JsonDocument.Parse(result.Output);
        string said = $"exit code {result.ExitCode}: {result.Error}{result.Output}";
        throw new CommandException($"umbra {string.Join(' ', arguments)}: {said}\n{Diagnosis()}");
    }

    /// <summary>Starts a process inside a host, in a control group of its own beside the host's.</summary>
    /// <param name="host">The host.</param>
    /// <param name="name">What it is.</param>
    /// <param name="cores">CPU time that it may use, in cores.</param>
    /// <param name="command">Program and arguments.</param>
    public LabProcess StartBeside(LabHost host, string name, double cores, params string[] command)
    {
        HostGroup group = HostGroup.Create($"umbra-{Id}-{host.Name}-{name}", _run);
        group.LimitCpu(cores);
        return LabProcess.Start(host.Space, Path.Combine(LogDirectory, $"{host.Name}-{name}.log"), command, group);
    }

    /// <summary>
    /// Gives the machine so many bytes to swap to, for as long as the lab stands: compressed memory where the kernel
    /// has it, which leaves the disk alone, else a file. Returns its path.
    /// </summary>
    public string AddSwap(long bytes)
    {
        string path = CompressedMemory.TryAdd(bytes, _run) ?? AddSwapFile(bytes);
        ShellCommand.Run("mkswap", path);
        ShellCommand.Run("swapon", path);
        return path;
    }

    /// <summary>The host of that name.</summary>
    public LabHost Host(HostId name) => _hosts.Single(host => host.Name == name);

    /// <summary>The ends of all logs, for error messages.</summary>
    public string Diagnosis() => string.Join(
        '\n',
        new System.IO.DirectoryInfo(LogDirectory).EnumerateFiles("*.log").OrderBy(file => file.Name)
            .Select(file => $"--- {file.Name}\n{string.Join('\n', File.ReadLines(file.FullName).TakeLast(15))}"));

    /// <summary>From now on the lab outlives this process.</summary>
    public void Keep()
    {
        _run.Keep();
        _kept = true;
    }

    /// <summary>Removes all of it, unless it is kept.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (NamespaceDoor door in _doors) door.Dispose();
        // Off the caller's thread: removal waits for processes to end.
        if (!_kept) await Task.Run(_run.RemoveAll);
        foreach (LabHost host in _hosts) host.Dispose();
        _controller?.Dispose();
        _run.Dispose();
    }

    private void CreateCenter()
    {
        _run.Tree(Directory);
        System.IO.Directory.CreateDirectory(LogDirectory);
        Center = NetworkNamespace.Create($"umbra-{Id}-center", _run);
        Center.AddBridge(ManagementBridge);
        Center.AddBridge(LanBridge);
        Center.Ip($"addr add {ControllerAddress}/24 dev {ManagementBridge}");
        Client = NetworkNamespace.Create($"umbra-{Id}-client", _run);
        Center.Wire(LanBridge, "client", Client, "lan");
        Client.Ip($"addr add {ClientAddress}/24 dev lan");
    }

    private void CreateHost(int number, LabOptions options)
    {
        var name = new HostId($"h{number}");
        NetworkNamespace space = NetworkNamespace.Create($"umbra-{Id}-{name}", _run);
        Center.Wire(ManagementBridge, $"m{number}", space, "mgmt");
        space.Ip($"addr add {HostAddress(number)}/24 dev mgmt");
        Center.Wire(LanBridge, $"l{number}", space, "lan");
        space.AddBridge(LabHost.GuestBridge);
        space.Ip($"link set lan master {LabHost.GuestBridge}");
        FailureDomains domains = options.Domains?.Invoke(number)
            ?? new FailureDomains($"rack{number}", $"feed{number}", $"segment{number}");
        LabDirectories directories = CreateDirectories(name, options.StateBytes(number));
        _hosts.Add(new LabHost(name, number, domains, space, directories)
        {
            QemuProgram = options.QemuProgram(number),
            Launcher = options.AgentLauncher,
            AgentOptions = options.AgentOptions,
            VmMemoryBytes = options.VmMemoryBytes,
            Group = options.Groups ? HostGroup.Create($"umbra-{Id}-{name}", _run) : null,
        });
    }

    private Task<LabBmc> StartBmcAsync(LabHost host)
    {
        string directory = Path.Combine(Directory, $"bmc-{host.Name}");
        return LabBmc.StartAsync(this, directory, host.Number);
    }

    private LabDirectories CreateDirectories(HostId name, long stateBytes)
    {
        string state = Path.Combine(Directory, name.Value);
        // Short: paths of Unix sockets have 107 characters.
        string memory = $"/dev/shm/umbra-lab-{Id}-{name}";
        _run.Tree(memory);
        System.IO.Directory.CreateDirectory(memory);
        System.IO.Directory.CreateDirectory(state);
        if (stateBytes > 0)
        {
            _run.Mount(state);
            string size = stateBytes.ToString(CultureInfo.InvariantCulture);
            ShellCommand.Run("mount", "-t", "tmpfs", "-o", $"size={size},mode=0700", "umbra-lab", state);
        }

        return new LabDirectories(state, memory, Path.Combine(LogDirectory, name + ".log"));
    }

    private string AddSwapFile(long bytes)
    {
        string path = Path.Combine(Directory, "swap");
        _run.Swap(path);
        ShellCommand.Run("fallocate", "-l", bytes.ToString(CultureInfo.InvariantCulture), path);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    private async Task<NamespaceDoor> OpenDoorAsync(NetworkNamespace space)
    {
        NamespaceDoor door = await NamespaceDoor.OpenAsync(space, _run);
        _doors.Add(door);
        return door;
    }
}
