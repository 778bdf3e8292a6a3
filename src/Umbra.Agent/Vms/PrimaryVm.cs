using Umbra.Agent.Guarding;
using Umbra.Agent.Replication;
using Umbra.Agent.Sensors;
using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Linux;
using Umbra.Linux.Machine;
using Umbra.Linux.Processes;
using Umbra.Linux.ProcFs;
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
    private readonly KpiSampler _kpis;
    private volatile SourceRunner? _runner;
    private volatile bool _guestShutDown;
    private volatile bool _isPaused;
    private volatile Action? _changed;
    private volatile ThreadPlacement? _placement;
    private string _lastRefusal = "";

    private PrimaryVm(AgentServices services, VmPaths paths, QemuVm qemu, VmRecord record, bool isPaused)
    {
        (_services, _paths, Qemu, Record, _isPaused) = (services, paths, qemu, record, isPaused);
        _recordFile = new RecordFile(paths);
        _events = qemu.Monitor.Subscribe(OnEvent);
        _kpis = new KpiSampler(
            VmSensors.OfPrimary(services, this), TimeProvider.System, static () => BootClock.Now,
            set => _runner?.Send(set));
    }

    /// <summary>The process.</summary>
    public QemuVm Qemu { get; }

    /// <summary>What is kept about it.</summary>
    public VmRecord Record { get; private set; }

    /// <summary>The replication; null while it has no shadow.</summary>
    public SourceRunner? Runner => _runner;

    /// <summary>Whether the VM still has the devices of its definition.</summary>
    public DeviceWatch Devices { get; } = new();

    /// <summary>Its newest KPIs.</summary>
    public KpiStatus Kpis => _kpis.Status;

    /// <summary>Where it runs, as its canary last found it; null before that, or where it is too long to say.</summary>
    public VmPlace? Place
    {
        get
        {
            if (_placement is not { } found) return null;
            var place = new VmPlace
            {
                Cpus = NumberList.Format(found.Cpus),
                Nodes = NumberList.Format(found.Nodes),
                Directory = VmSensors.ImageDirectory(_services, Files),
            };
            return place.IsWithinLimits() ? place : null;
        }
    }

    /// <summary>Whether the guest switched itself off.</summary>
    public bool GuestShutDown => _guestShutDown;

    /// <summary>Whether its vCPUs stand still, by QEMU's word: also in each epoch's short pause.</summary>
    public bool IsPaused => _isPaused;

    /// <summary>Where its monitors, images and taps are.</summary>
    public HostPaths Files => FilesOf(_paths, Record);

    /// <summary>What its RAM is mapped from.</summary>
    public string RamBacking => Record.Foreign?.RamBacking ?? _paths.Ram;

    private VmId Vm => _paths.Vm;

    /// <summary>Where its process may run now; null: it is gone.</summary>
    public ThreadPlacement? FindPlacement()
    {
        var found = ThreadPlacement.OfThread(Qemu.Identity.Pid, Qemu.Identity.Pid);
        if (found is not null) _placement = found;
        return found;
    }

    /// <summary>The disks as they can be read from outside QEMU; null when one is not raw.</summary>
    public IReadOnlyList<ComparedDisk>? ComparedDisks()
    {
        ComparedDisk[] disks =
            [.. Record.Assignment.Vm.Disks.Select(d => new ComparedDisk(d.Id, RawImage(d.Id), d.Bytes))];
        return disks.Any(d => d.Path.Length == 0) ? null : disks;
    }

    /// <summary>Where a disk can be read from outside QEMU; empty when it is not raw.</summary>
    public string RawImage(string disk) =>
        Files.Disks[disk] is { Format: "raw" } image ? image.Path : "";

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
    public static async Task<(PrimaryVm? Vm, IReadOnlyList<string> Refusals)> AttachAsync(
        AgentServices services, VmPaths paths, Assignment assignment, CancellationToken stop)
    {
        AttachTarget target = assignment.Attach!;
        string[] wanted = target.SecondQmpPath is { } second ? [target.QmpPath, second] : [target.QmpPath];
        Outcome<AttachedVm> read = await QemuAttach.ReadAsync(
            target.ProcessId, assignment.Vm.Name, AttachDeadline, wanted, stop);
        if (!read.IsOk) return (null, [read.Error.Message]);
        if (read.Value is not { Definition: { } definition, Paths: { } files })
            return (null, read.Value.Refusals);
        QmpOutcome<QemuVm> adopted = await QemuVm.AdoptAsync(read.Value.Identity, files, StartDeadline, stop);
        if (!adopted.IsOk) return (null, [adopted.Description]);
        QmpOutcome<ObservedDevices> devices = await QemuDevices.ObserveAsync(adopted.Value.Monitor, AttachDeadline,
            stop);
        if (!devices.IsOk)
        {
            adopted.Value.Dispose();
            return (null, [devices.Description]);
        }

        paths.Create();
        var nodes = devices.Value.Disks.ToDictionary(d => d.Id, d => d.NodeName, StringComparer.Ordinal);
        return (Take(services, paths, adopted.Value, new VmRecord
        {
            Assignment = assignment with { Vm = definition },
            Foreign = new ForeignVm(files, nodes),
        }), []);
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
        _changed = changed;
        QemuLogs.Turn(Files);
        if (Devices.IsLookWanted) await FollowDevicesAsync();
        // Devices change in the running VM alone, and the controller may not know yet what was found there.
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

            if (wanted) await old.OwnedHereAsync(assignment.Generation);
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
        // What was plugged in by hand meanwhile, and the controller does not know yet, stays.
        VmDefinition before = Record.Assignment.Vm;
        wanted = before with
        {
            Disks = [.. before.Disks, .. wanted.Disks.Where(w => before.Disks.All(b => b.Id != w.Id))],
            Nics = [.. before.Nics, .. wanted.Nics.Where(w => before.Nics.All(b => b.Id != w.Id))],
            Revision = Math.Max(wanted.Revision, before.Revision + 1),
        };
        if (PciLayout.PlaceHotPlugged(before, wanted) is not { } placed) return "all its hot-plug ports are taken";
        wanted = placed;
        if (VmFiles.CreateImages(wanted, _paths) is { } missing) return missing;
        if (HostTaps.Prepare(wanted, up: true) is { } tapError) return tapError;
        // No epoch in between: it would have the new device's state and the old configuration.
        if (_runner is not null) await _runner.DisposeAsync();
        _runner = null;
        HostPaths files = VmFiles.HostPaths(wanted, _paths, Record.OwnImages);
        QmpOutcome<QmpNothing> changed = await QemuDevices.ChangeAsync(
            Qemu.Monitor, before, wanted, files, AttachDeadline);
        Devices.Ask();
        if (!changed.IsOk) return changed.Description;
        Keep(known => known with
        {
            Assignment = known.Assignment with { Vm = wanted },
            Foreign = known.Foreign?.With(files.Disks, files.Taps, new Dictionary<string, string>()),
        });
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
        await _kpis.DisposeAsync();
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
        await _kpis.DisposeAsync();
        if (_runner is not null) await _runner.DisposeAsync();
        _events.Dispose();
        Qemu.Dispose();
    }

    /// <summary>
    /// Looks at the devices that the VM has and follows: with another definition replication begins anew, as after a
    /// plug. What cannot be followed stops the epochs and nothing else: the guest runs on, and so does its lease.
    /// </summary>
    private async Task FollowDevicesAsync()
    {
        // The pair counts on what it is; the epochs that it needs are not cut meanwhile.
        if (_runner?.Status?.Protection == ProtectionState.Swapping) return;
        (long look, IReadOnlyCollection<string> deleted) = Devices.BeginLook();
        QmpOutcome<DeviceChange> read = await DeviceChange.ReadAsync(
            Qemu.Monitor, Qemu.Identity.Pid, Record.Assignment.Vm, deleted, AttachDeadline);
        if (!read.IsOk)
        {
            Devices.EndLook(look, null, "the VM's devices cannot be looked at: " + read.Description);
            return;
        }

        DeviceChange now = read.Value;
        string refusal = now.Refusals.Count == 0
            ? ""
            : "the VM cannot be protected as it is: " + string.Join("; ", now.Refusals);
        if (refusal.Length > 0 && refusal != _lastRefusal) _services.Report("vm.unprotectable", Vm, refusal);
        _lastRefusal = refusal;
        if (refusal.Length == 0 && now.Vm != Record.Assignment.Vm) await TakeDevicesAsync(now, deleted);
        Devices.EndLook(look, now.List, refusal);
    }

    private async Task TakeDevicesAsync(DeviceChange now, IReadOnlyCollection<string> deleted)
    {
        if (_runner is not null) await _runner.DisposeAsync();
        _runner = null;
        VmDefinition before = Record.Assignment.Vm;
        ObservedDisk[] disks =
        [
            .. now.Devices.Disks.Where(d =>
                deleted.Contains(d.Id) || !before.Disks.Contains(now.Vm.Disks.Single(n => n.Id == d.Id))),
        ];
        ObservedNic[] nics =
        [
            .. now.Devices.Nics.Where(d =>
                deleted.Contains(d.Id) || !before.Nics.Contains(now.Vm.Nics.Single(n => n.Id == d.Id))),
        ];
        ForeignVm here = Record.Foreign ?? new ForeignVm(Files, new Dictionary<string, string>());
        ForeignVm with = here.With(
            disks.ToDictionary(d => d.Id, d => new ImageFile(d.Path, d.Format, d.IsDirect)),
            nics.ToDictionary(n => n.Id, n => n.Tap), disks.ToDictionary(d => d.Id, d => d.NodeName));
        Keep(known => known with
        {
            Assignment = known.Assignment with { Vm = now.Vm },
            Foreign = disks.Length + nics.Length > 0 ? with : known.Foreign,
        });
        HaveGuarded();
        _services.Report("vm.devices", Vm, "its devices were changed in QEMU; the shadow follows: "
            + $"{now.Vm.Disks.Count} disks and {now.Vm.Nics.Count} interfaces, revision {now.Vm.Revision}");
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
        if (happened.Name == QmpEvent.DeviceDeleted && happened.Text("device") is { Length: > 0 } gone)
        {
            Devices.NoteDeleted(gone);
            _changed?.Invoke();
        }

        if (happened.Name == "SHUTDOWN" && happened.Text("reason") is "guest-shutdown") _guestShutDown = true;
    }
}
