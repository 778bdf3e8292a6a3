using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Linux.Processes;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Agent.Vms;

/// <summary>How taking up a VM that an earlier agent left went.</summary>
/// <param name="Vm">The VM; null: not taken up.</param>
/// <param name="Error">Why not; empty when it was.</param>
internal sealed record Adoption(PrimaryVm? Vm, string Error)
{
    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromSeconds(5);

    /// <summary>States of a loaded VM whose vCPUs only have to be let go.</summary>
    private static readonly string[] LoadedStates = ["paused", "prelaunch", "postmigrate", "finish-migrate", "save-vm"];

    /// <summary>Whether the process is a standby that never got its state: no VM, whatever the record says.</summary>
    public bool IsUnloaded { get; private init; }

    /// <summary>Tries to reach the process of <paramref name="record"/>.</summary>
    /// <param name="services">What the agent shares.</param>
    /// <param name="paths">The VM's files.</param>
    /// <param name="record">What the earlier agent knew.</param>
    /// <param name="deadline">For its monitors.</param>
    /// <param name="stop">Gives up.</param>
    public static async Task<Adoption> TryAsync(
        AgentServices services, VmPaths paths, VmRecord record, TimeSpan deadline, CancellationToken stop)
    {
        if (record.BootId != services.BootId) return new Adoption(null, "the host was restarted since");
        QmpOutcome<QemuVm> adopted = await QemuVm.AdoptAsync(
            new ProcessIdentity(record.ProcessId, record.ProcessStart), PrimaryVm.FilesOf(paths, record), deadline,
            stop);
        if (!adopted.IsOk) return new Adoption(null, adopted.Description);
        QemuVm qemu = adopted.Value;
        QmpOutcome<string> state = await qemu.Monitor.ExecuteAsync(QmpCommands.QueryStatus, AnswerDeadline, stop);
        string error = state.IsOk ? "" : state.Description;
        bool isUnloaded = record.OwnImages && state is { IsOk: true, Value: "inmigrate" };
        bool isFresh = IsFreshlyPromoted(record, paths) && LoadedStates.Contains(state.Value);
        if (isUnloaded) error = "it is a standby without a VM's state";
        else if (state.IsOk && isFresh) error = LetRun(qemu, record.Assignment.Vm);
        if (error.Length > 0)
        {
            qemu.Dispose();
            return new Adoption(null, error) { IsUnloaded = isUnloaded };
        }

        bool isPaused = !isFresh && state.Value != "running";
        return new Adoption(PrimaryVm.Take(services, paths, qemu, record, isPaused), "");
    }

    /// <summary>
    /// A shadow that has become the VM, and has no shadow of its own yet: nobody but the agent that promoted it would
    /// ever let it run, and that one may have died just before.
    /// </summary>
    private static bool IsFreshlyPromoted(VmRecord record, VmPaths paths) =>
        record is { OwnImages: true, Assignment.Peer: null } && HeldFile.Read(paths.Durable) is null;

    private static string LetRun(QemuVm qemu, VmDefinition vm)
    {
        if (HostTaps.Set(vm, up: true) is { } error) return error.Message;
        QmpOutcome<QmpNothing> running = RunControl.Resume(qemu.Monitor, AnswerDeadline);
        if (running.IsOk && vm.Nics.Count > 0) _ = qemu.Monitor.ExecuteAsync(QmpCommands.AnnounceSelf());
        return running.Description;
    }
}
