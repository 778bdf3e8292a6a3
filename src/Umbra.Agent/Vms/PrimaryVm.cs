using Umbra.Agent.Guarding;
using Umbra.Agent.Replication;
using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Linux;
using Umbra.Linux.Processes;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Agent.Vms;

/// <summary>A VM that this host runs: its process, and its replication where it has a shadow.</summary>
internal sealed class PrimaryVm : IAsyncDisposable
{
    /// <summary>QEMU answers within a second of its start; a loaded host may take longer.</summary>
    public static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan AttachDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan QuitDeadline = TimeSpan.FromSeconds(3);

    private readonly AgentServices _services;
    private readonly VmPaths _paths;
    private readonly Lock _recordLock = new();
    private readonly RecordFile _recordFile;
    private readonly IDisposable _events;
    private SourceRunner? _runner;
    private volatile bool _guestShutDown;
    private volatile bool _isPaused;

    private PrimaryVm(AgentServices services, VmPaths paths, QemuVm qemu, VmRecord record, bool isPaused)
    {
        (_services, _paths, Qemu, Record, _isPaused) = (services, paths, qemu, record, isPaused);
        _recordFile = new RecordFile(paths);
        _events = qemu.Monitor.Subscribe(OnEvent);
    }

    /// <summary>The process.</summary>
    public QemuVm Qemu { get; }

    /// <summary>What is kept about it.</summary>
    public VmRecord Record { get; private set; }

    /// <summary>The replication; null while it has no shadow.</summary>
    public SourceRunner? Runner => _runner;

    /// <summary>Whether the guest switched itself off.</summary>
    public bool GuestShutDown => _guestShutDown;

    /// <summary>Whether its vCPUs stand still, by QEMU's word: also in each epoch's short pause.</summary>
    public bool IsPaused => _isPaused;

    /// <summary>Where its monitors, images and taps are.</summary>
    public HostPaths Files => FilesOf(_paths, Record);

    /// <summary>What its RAM is mapped from.</summary>
    public string RamBacking => Record.Foreign?.RamBacking ?? _paths.Ram;

    private VmId Vm => _paths.Vm;

    /// <summary>The disks as they can be read from outside QEMU; null when one is not raw.</summary>
    public IReadOnlyList<ComparedDisk>? ComparedDisks()
    {
        HostPaths files = Files;
        if (files.Disks.Values.Any(static image => image.Format != "raw")) return null;
        return [.. Record.Assignment.Vm.Disks.Select(d => new ComparedDisk(d.Id, files.Disks[d.Id].Path, d.Bytes))];
    }

    /// <summary>The block node that a disk's device reads and writes.</summary>
    public string DiskNode(string disk) =>
        Record.Foreign?.DiskNodes.GetValueOrDefault(disk) ?? QemuNames.DiskNode(disk);

    /// <summary>Powers the VM on, from its disks; nothing of an earlier run is left in memory.</summary>
    /// <returns>The VM, or why it does not start.</returns>
    public static async Task<(PrimaryVm? Vm, string Error)> StartAsync(
        AgentServices services, VmPaths paths, Assignment assignment, CancellationToken stop)
    {
        VmDefinition definition = assignment.Vm;
        paths.Create();
        File.Delete(paths.Ram);
        if (ForgetLease(paths) is { } kept) return (null, kept);
        if (VmFiles.CreateImages(definition, paths) is { } missing) return (null, missing);
        if (HostTaps.Prepare(definition, up: true) is { } tapError) return (null, tapError);
        QmpOutcome<QemuVm> started = await QemuVm.StartAsync(
            definition, VmFiles.HostPaths(definition, paths, ownImages: false), QemuRole.Primary, StartDeadline, stop);
        if (!started.IsOk) return (null, started.Description);
        return (Take(services, paths, started.Value, new VmRecord { Assignment = assignment }), "");
    }

    /// <summary>Attaches to a running VM that Umbra did not start, if it can be protected.</summary>
    /// <returns>The VM, or everything that stands in the way.</returns>
    public static async Task<(PrimaryVm? Vm, string Error)> AttachAsync(
        AgentServices services, VmPaths paths, Assignment assignment, CancellationToken stop)
    {
        AttachTarget target = assignment.Attach!;
        string[] wanted = target.SecondQmpPath is { } second ? [target.QmpPath, second] : [target.QmpPath];
        Outcome<AttachedVm> read = await QemuAttach.ReadAsync(
            target.ProcessId, assignment.Vm.Name, AttachDeadline, wanted, stop);
        if (!read.IsOk) return (null, read.Error.Message);
        if (read.Value is not { Definition: { } definition, Paths: { } files })
            return (null, "it cannot be protected: " + string.Join("; ", read.Value.Refusals));
        QmpOutcome<QemuVm> adopted = await QemuVm.AdoptAsync(read.Value.Identity, files, StartDeadline, stop);
        if (!adopted.IsOk) return (null, adopted.Description);
        QmpOutcome<ObservedDevices> devices = await QemuDevices.ObserveAsync(adopted.Value.Monitor, AttachDeadline,
            stop);
        if (!devices.IsOk)
        {
            adopted.Value.Dispose();
            return (null, devices.Description);
        }

        paths.Create();
        var nodes = devices.Value.Disks.ToDictionary(d => d.Id, d => d.NodeName, StringComparer.Ordinal);
        return (Take(services, paths, adopted.Value, new VmRecord
        {
            Assignment = assignment with { Vm = definition },
            Foreign = new ForeignVm(files, nodes),
        }), "");
    }

    /// <summary>Takes up a VM that runs: after the agent was restarted, or where a shadow has become the VM.</summary>
    /// <param name="services">What the agent shares.</param>
    /// <param name="paths">The VM's files.</param>
    /// <param name="qemu">Its process.</param>
    /// <param name="known">What is known of it; the process is filled in here.</param>
    /// <param name="isPaused">Whether its vCPUs stand still.</param>
    public static PrimaryVm Take(
        AgentServices services, VmPaths paths, QemuVm qemu, VmRecord known, bool isPaused = false)
    {
        VmRecord record = known with
        {
            ProcessId = qemu.Identity.Pid,
            ProcessStart = qemu.Identity.StartTicks,
            BootId = services.BootId,
        };
        var vm = new PrimaryVm(services, paths, qemu, record, isPaused);
        vm.Keep(_ => record);
        vm.HaveGuarded();
        return vm;
    }

    /// <summary>Where the monitors, images and taps of a record's VM are.</summary>
    public static HostPaths FilesOf(VmPaths paths, VmRecord record) =>
        record.Foreign?.Paths ?? VmFiles.HostPaths(record.Assignment.Vm, paths, record.OwnImages);

    /// <summary>Brings replication to what the assignment wants.</summary>
    public async Task UpdateAsync(Assignment assignment, Action changed)
    {
        // Devices change by plugging alone, and the controller may not know yet what an attach has found.
        assignment = assignment with { Vm = Record.Assignment.Vm, Attach = null };
        bool wanted = assignment is { Policy.Enabled: true, Peer: not null, PeerEndpoint: not null };
        if (_runner is { } old && (!wanted || !old.IsFor(assignment)))
        {
            if (!wanted && !await old.TryEndAsync())
            {
                // Not kept before it is settled: the next agent, too, must find a protected VM.
                old.Update(assignment);
                return;
            }

            await old.DisposeAsync();
            _runner = null;
        }

        Keep(known => known with
        {
            // A claim of this very moment may have raised it.
            Assignment = known.Assignment.Generation > assignment.Generation
                ? assignment with { Generation = known.Assignment.Generation }
                : assignment,
        });
        if (wanted && _runner is null)
        {
            _runner = new SourceRunner(_services, _paths, this, assignment, changed);
            _runner.Start();
        }

        _runner?.Update(assignment);
    }

    /// <summary>
    /// Plugs what <paramref name="wanted"/> has more than the running VM; why not, or empty when done.
    /// </summary>
    public async Task<string> PlugAsync(VmDefinition wanted)
    {
        VmDefinition before = Record.Assignment.Vm;
        if (PciLayout.PlaceHotPlugged(before, wanted) is not { } placed) return "all its hot-plug ports are taken";
        wanted = placed;
        if (VmFiles.CreateImages(wanted, _paths) is { } missing) return missing;
        if (HostTaps.Prepare(wanted, up: true) is { } tapError) return tapError;
        // No epoch in between: it would have the new device's state and the old configuration.
        if (_runner is not null) await _runner.DisposeAsync();
        _runner = null;
        QmpOutcome<QmpNothing> changed = await QemuDevices.ChangeAsync(
            Qemu.Monitor, before, wanted, VmFiles.HostPaths(wanted, _paths, Record.OwnImages), AttachDeadline);
        if (!changed.IsOk) return changed.Description;
        Keep(known => known with { Assignment = known.Assignment with { Vm = wanted } });
        HaveGuarded();
        return "";
    }

    /// <summary>The VM runs on under a newer generation that this host has won.</summary>
    public void RaiseGeneration(Generation generation) =>
        Keep(known => known with { Assignment = known.Assignment with { Generation = generation } });

    /// <summary>The process has ended; <see cref="Record"/> says for the next agent how.</summary>
    /// <param name="asked">Whether it was asked to.</param>
    public void NoteEnd(bool asked) => Keep(
        known => known with { GuestShutDown = _guestShutDown, ProcessId = asked ? 0 : known.ProcessId });

    /// <summary>Switches it off: asks the guest first, and ends the process when it does not follow.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await Qemu.Monitor.ExecuteAsync(QmpCommands.SystemPowerdown);
        Task ended = await Task.WhenAny(Qemu.Exited, Task.Delay(patience));
        if (ended != Qemu.Exited) await Qemu.QuitAsync(QuitDeadline);
    }

    /// <summary>Ends the process and removes all that is left of this copy.</summary>
    public async Task DestroyAsync()
    {
        if (_runner is not null) await _runner.DisposeAsync();
        _runner = null;
        HostTaps.Remove(Record.Assignment.Vm);
        await Qemu.KillAsync();
        _services.Guard.Forget(Vm);
        Qemu.Dispose();
        _paths.Destroy();
    }

    /// <summary>Lets go of the VM, which runs on.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_runner is not null) await _runner.DisposeAsync();
        _events.Dispose();
        Qemu.Dispose();
    }

    // The lease was an earlier process's: under its deadline the guard would stop this one at once. The note of a swap
    // stays, whatever became of the process: only a claim settles whether the VM may run here.
    private static string? ForgetLease(VmPaths paths)
    {
        LeaseFile.Delete(paths);
        return HeldFile.Read(paths.Durable) is { Reason: HeldReason.Lease }
            ? HeldFile.Clear(paths.Durable)?.Message
            : null;
    }

    private void HaveGuarded() => _services.Guard.Watch(new GuardedVm(
        Vm, Files.GuardSocket ?? Files.BrakeSocket, _paths.Durable, Qemu.Identity.Pid, Record.Assignment.Generation,
        Record.Assignment.Vm.Disks.Count)
    {
        Held = HeldFile.Read(_paths.Durable) is not null,
        RunDeadline = LeaseFile.Read(_paths),
    });

    // From the keeper's thread and the session's: neither may undo what the other has just noted.
    private void Keep(Func<VmRecord, VmRecord> change)
    {
        lock (_recordLock)
        {
            Record = change(Record);
            if (_recordFile.Write(Record) is { } error)
                _services.Report("agent.record-failed", Vm, error.Message);
        }
    }

    private void OnEvent(QmpEvent happened)
    {
        if (happened.Name is "STOP" or "RESUME") _isPaused = happened.Name == "STOP";
        if (happened.Name == "SHUTDOWN" && happened.Text("reason") is "guest-shutdown") _guestShutDown = true;
    }
}
