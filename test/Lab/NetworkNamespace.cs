using System.Globalization;

namespace Umbra.Lab;

/// <summary>A named network namespace and what happens inside it.</summary>
/// <param name="Name">Name, as <c>ip netns</c> knows it.</param>
public sealed record NetworkNamespace(string Name)
{
    /// <summary>Makes it, with its loopback up.</summary>
    public static NetworkNamespace Create(string name, RunFile run)
    {
        run.Namespace(name);
        ShellCommand.Ip($"netns add {name}");
        ShellCommand.Ip($"-n {name} link set lo up");
        return new NetworkNamespace(name);
    }

    /// <summary>Runs <c>ip</c> inside.</summary>
    public void Ip(string words) => ShellCommand.Ip($"-n {Name} {words}");

    /// <summary>Runs <c>tc</c> inside.</summary>
    public void Tc(string words) =>
        ShellCommand.Run("tc", ["-n", Name, .. words.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

    /// <summary>Runs a command inside, to its end.</summary>
    public CommandResult TryRun(params string[] command) =>
        ShellCommand.TryRun("ip", ["netns", "exec", Name, .. command]);

    /// <summary>Makes a bridge inside that forwards at once.</summary>
    public void AddBridge(string name)
    {
        Ip($"link add {name} type bridge forward_delay 0 stp_state 0");
        Ip($"link set {name} up");
    }

    /// <summary>
    /// Wires a port of <paramref name="bridge"/> here to the interface <paramref name="remote"/> of another namespace.
    /// </summary>
    public void Wire(string bridge, string port, NetworkNamespace other, string remote)
    {
        Ip($"link add {port} type veth peer name {remote} netns {other.Name}");
        Ip($"link set {port} master {bridge} up");
        other.Ip($"link set {remote} up");
    }

    /// <summary>Ids of all processes inside the namespace <paramref name="name"/>, whoever started them.</summary>
    public static IEnumerable<int> Processes(string name) =>
        ShellCommand.Ip($"netns pids {name}").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => int.Parse(line, CultureInfo.InvariantCulture));
}
