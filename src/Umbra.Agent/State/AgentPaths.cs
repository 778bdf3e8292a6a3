using Umbra.Core.Basics;

namespace Umbra.Agent.State;

/// <summary>
/// Where an agent keeps what. Two roots: the state directory survives the host, the memory directory its processes.
/// </summary>
public sealed class AgentPaths(string stateDirectory, string memoryDirectory)
{
    /// <summary>The agent's identity in the fleet: key, certificate, authority, controller.</summary>
    public string Identity => Path.Combine(State, "identity");

    /// <summary>Survives a power loss of the host.</summary>
    public string State { get; } = Path.GetFullPath(stateDirectory);

    /// <summary>A tmpfs: guest RAM, sockets, what only makes sense as long as the host runs.</summary>
    public string Memory { get; } = Path.GetFullPath(memoryDirectory);

    /// <summary>Held while an agent runs on the state directory.</summary>
    public string LockFile => Path.Combine(State, "agent.lock");

    /// <summary>Results of examinations that the controller may not have got yet.</summary>
    public string Examinations => Path.Combine(State, "examinations.json");

    /// <summary>Up to where this boot's kernel log was told of.</summary>
    public string KernelLog => Path.Combine(State, "kernel-log.json");

    /// <summary>Up to where the logs of BMCs were told of.</summary>
    public string ToldLogs => Path.Combine(State, "told-logs.json");

    /// <summary>Every VM of which this host has something.</summary>
    public IEnumerable<VmPaths> Vms()
    {
        string root = Path.Combine(State, "vms");
        if (!Directory.Exists(root)) yield break;
        foreach (string directory in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(directory);
            if (Names.IsValid(name)) yield return Vm(new VmId(name));
        }
    }

    /// <summary>The files of one VM.</summary>
    public VmPaths Vm(VmId vm)
    {
        Invariant.Holds(Names.IsValid(vm.Value), "a VM's name is checked before it becomes a path");
        return new VmPaths(vm, Path.Combine(State, "vms", vm.Value), Path.Combine(Memory, vm.Value));
    }
}

/// <summary>The files of one VM on one host.</summary>
/// <param name="Vm">The VM.</param>
/// <param name="Durable">Its directory under the state directory.</param>
/// <param name="Volatile">Its directory under the memory directory; short, because Unix socket paths are.</param>
public sealed record VmPaths(VmId Vm, string Durable, string Volatile)
{
    /// <summary>What this agent knows of the VM, for the next one.</summary>
    public string Record => Path.Combine(Durable, "record.json");

    /// <summary>Directory of the shadow's metadata, undo logs and device states.</summary>
    public string Shadow => Path.Combine(Durable, "shadow");

    /// <summary>Drift baseline of the pair whose shadow is here.</summary>
    public string DriftBaseline => Path.Combine(Durable, "drift-baseline.json");

    /// <summary>Guest RAM.</summary>
    public string Ram => Path.Combine(Volatile, "ram");

    /// <summary>Staging area and RAM undo logs of a shadow.</summary>
    public string ShadowMemory => Path.Combine(Volatile, "shadow");

    /// <summary>The NBD server's socket.</summary>
    public string NbdSocket => Path.Combine(Volatile, "nbd");

    /// <summary>Umbra's own image of a disk.</summary>
    public string Disk(string id) => Path.Combine(Durable, id + ".raw");

    /// <summary>Makes both directories, for this user alone: guest RAM is in one of them.</summary>
    public void Create()
    {
        const UnixFileMode mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(Durable, mine);
        Directory.CreateDirectory(Volatile, mine);
    }

    /// <summary>Removes all of the VM from this host. Its process must be gone.</summary>
    public void Destroy()
    {
        if (Directory.Exists(Volatile)) Directory.Delete(Volatile, recursive: true);
        if (Directory.Exists(Durable)) Directory.Delete(Durable, recursive: true);
    }
}
