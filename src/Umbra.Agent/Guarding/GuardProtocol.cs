using System.Globalization;
using Umbra.Core.Basics;

namespace Umbra.Agent.Guarding;

/// <summary>A VM as its guard knows it.</summary>
/// <param name="Vm">The VM.</param>
/// <param name="Socket">QMP socket through which the guard may speak to it.</param>
/// <param name="Directory">The VM's durable directory: the note that it is held is written there.</param>
/// <param name="Process">QEMU's process: what is left when its monitor does not answer.</param>
/// <param name="Generation">Generation under which it runs.</param>
/// <param name="Disks">How many disks may be mirrored into the agent.</param>
public sealed record GuardedVm(
    VmId Vm, string Socket, string Directory, int Process, Generation Generation, int Disks)
{
    /// <summary>Whether nobody may resume it.</summary>
    public bool Held { get; init; }

    /// <summary>When it must be paused, on <see cref="Umbra.Linux.Machine.BootClock"/>; null: never.</summary>
    public TimeSpan? RunDeadline { get; init; }

    /// <summary>The deadline for which the guard has stopped it; null: none since it was last released.</summary>
    public TimeSpan? StoppedFor { get; init; }

    /// <summary>Whether there is a deadline at which the guard still has to stop it.</summary>
    public bool IsArmed => !Held && RunDeadline is not null && RunDeadline != StoppedFor;

    /// <summary>Whether it may run at <paramref name="now"/> without an agent that knows better.</summary>
    public bool MayRun(TimeSpan now) => !Held && StoppedFor is null && !(RunDeadline <= now);
}

/// <summary>
/// What an agent tells its guard, a line each, words separated by tabs: <c>pulse FILE PID</c> (its own pulse and
/// process),
/// <c>watch VM SOCKET DIRECTORY PID GENERATION DISKS</c>, <c>hold VM</c>, <c>release VM</c>,
/// <c>deadline VM TICKS|never</c>, <c>forget VM</c>. The end of the stream means that the agent is gone.
/// </summary>
public sealed class GuardBook
{
    /// <summary>Longest line; an agent never writes a longer one.</summary>
    public const int LineCharactersMax = 1024;

    /// <summary>Most disks that a VM is taken to have.</summary>
    public const int DisksMax = 64;

    private readonly SortedDictionary<string, GuardedVm> _vms = new(StringComparer.Ordinal);

    /// <summary>All VMs.</summary>
    public IEnumerable<GuardedVm> Vms => _vms.Values;

    /// <summary>The earliest deadline at which a VM has to be stopped; null when there is none.</summary>
    public TimeSpan? NextDeadline => _vms.Values.Where(v => v.IsArmed).Min(v => v.RunDeadline);

    /// <summary>The line that makes a guard know <paramref name="vm"/>.</summary>
    public static string WatchLine(GuardedVm vm) =>
        string.Join('\t', "watch", vm.Vm, vm.Socket, vm.Directory, vm.Process, vm.Generation.Value, vm.Disks);

    /// <summary>The line by which an agent says where its pulse is and which process it is.</summary>
    public static string PulseLine(string path, int process) => string.Join('\t', "pulse", path, process);

    /// <summary>The file and process of a <see cref="PulseLine"/>; null: it is none.</summary>
    public static string? TakePulse(string line, out int process)
    {
        process = 0;
        string[] words = line.Length > LineCharactersMax ? [] : line.Split('\t');
        return words is ["pulse", var path, var id] && Path.IsPathRooted(path)
            && int.TryParse(id, CultureInfo.InvariantCulture, out process) && process > 0
                ? path
                : null;
    }

    /// <summary>The line that moves a VM's deadline.</summary>
    public static string DeadlineLine(VmId vm, TimeSpan? deadline) =>
        $"deadline\t{vm}\t{deadline?.Ticks.ToString(CultureInfo.InvariantCulture) ?? "never"}";

    /// <summary>Takes one line; the VM it is about, or null when it was not understood and changed nothing.</summary>
    public GuardedVm? Take(string line)
    {
        string[] words = line.Length > LineCharactersMax ? [] : line.Split('\t');
        if (words.Length < 2) return null;
        if (words[0] == "watch") return Watch(words);
        if (!_vms.TryGetValue(words[1], out GuardedVm? vm)) return null;
        switch (words[0])
        {
            case "hold":
                return Put(vm with { Held = true });
            case "release":
                return Put(vm with { Held = false, StoppedFor = null });
            case "deadline" when words.Length == 3 && words[2] == "never":
                return Put(vm with { RunDeadline = null });
            case "deadline" when words.Length == 3
                && long.TryParse(words[2], CultureInfo.InvariantCulture, out long ticks):
                return Put(vm with { RunDeadline = new TimeSpan(ticks) });
            case "forget":
                _vms.Remove(words[1]);
                return vm;
            default:
                return null;
        }
    }

    /// <summary>Whether the VM is one to look after.</summary>
    public bool Knows(VmId vm) => _vms.ContainsKey(vm.Value);

    /// <summary>The VM; null when it is none to look after.</summary>
    public GuardedVm? Find(VmId vm) => _vms.GetValueOrDefault(vm.Value);

    /// <summary>The VMs that have to be stopped at <paramref name="now"/>, because their leases are over.</summary>
    public IReadOnlyList<GuardedVm> Expired(TimeSpan now) =>
        [.. _vms.Values.Where(v => v.IsArmed && v.RunDeadline <= now)];

    /// <summary>
    /// The VM was stopped at its deadline. It stays in the book: a later deadline, or a release by an agent that was
    /// heard again, arms the guard anew.
    /// </summary>
    public void NoteStopped(VmId vm)
    {
        if (Find(vm) is { } known) Put(known with { StoppedFor = known.RunDeadline });
    }

    /// <summary>The VM needs no guard any more.</summary>
    public void Forget(VmId vm) => _vms.Remove(vm.Value);

    private GuardedVm? Watch(string[] words)
    {
        if (words.Length != 7 || !Names.IsValid(words[1]) || !Path.IsPathRooted(words[2])
            || !Path.IsPathRooted(words[3])
            || !int.TryParse(words[4], CultureInfo.InvariantCulture, out int process) || process <= 0
            || !ulong.TryParse(words[5], CultureInfo.InvariantCulture, out ulong generation)
            || !int.TryParse(words[6], CultureInfo.InvariantCulture, out int disks) || disks is < 0 or > DisksMax)
        {
            return null;
        }

        return Put(new GuardedVm(
            new VmId(words[1]), words[2], words[3], process, new Generation(generation), disks));
    }

    private GuardedVm Put(GuardedVm vm) => _vms[vm.Vm.Value] = vm;
}
