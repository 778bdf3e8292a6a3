using System.Diagnostics;
using Umbra.Agent.State;
using Umbra.Agent.Vms;
using Umbra.Core.Api;
using Umbra.Core.Epochs;
using Umbra.Linux.Native;
using Umbra.Qemu.DeviceState;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Agent.Shadows;

/// <summary>
/// The QEMU that waits on a shadow's RAM and disks for nothing but device state. A load that fails ends it; another one
/// is started then.
/// </summary>
internal sealed class Standby : IDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LoadDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RunDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AskDeadline = TimeSpan.FromSeconds(1);

    /// <summary>QEMU's word for a VM that has not got its device state yet.</summary>
    private const string WaitsForState = "inmigrate";

    private readonly AgentServices _services;
    private readonly VmPaths _paths;

    // Set from the first rehearsal on: what a load needs before the sections come has been done by then.
    private DeviceStateLoader? _loader;

    private Standby(AgentServices services, VmPaths paths, QemuVm qemu, VmDefinition definition)
    {
        (_services, _paths, Qemu, Definition) = (services, paths, qemu, definition);
    }

    /// <summary>The process.</summary>
    public QemuVm Qemu { get; }

    /// <summary>The hardware it offers.</summary>
    public VmDefinition Definition { get; }

    /// <summary>Starts one for <paramref name="definition"/>; what it needs of RAM and disks is there.</summary>
    public static async Task<(Standby? Standby, string Error)> StartAsync(
        AgentServices services, VmPaths paths, VmDefinition definition, CancellationToken stop)
    {
        if (definition.Kernel is { } kernel && BootFiles.Missing(kernel) is { } missing) return (null, missing);
        if (HostTaps.PrepareStandby(definition) is { } error) return (null, error);
        QmpOutcome<QemuVm> started = await QemuVm.StartAsync(
            definition, VmFiles.HostPaths(definition, paths, ownImages: true), QemuRole.Standby, StartDeadline, stop);
        if (!started.IsOk) return (null, started.Description);
        QmpOutcome<QmpNothing> prepared = await DeviceStateLoader.PrepareAsync(started.Value.Monitor, StartDeadline,
            stop);
        string failure = prepared.IsOk ? HostTaps.SettleStandby(definition) ?? "" : prepared.Description;
        if (failure == "") return (new Standby(services, paths, started.Value, definition), "");
        await started.Value.KillAsync();
        started.Value.Dispose();
        return (null, failure);
    }

    /// <summary>
    /// Whether it answers and waits for device state, and the epoch's can be read. It gets the epoch's prefix, so that
    /// a load waits for the sections alone; after that it can load no state that has another prefix.
    /// </summary>
    public CallOutcome Rehearse(ReadOnlySpan<byte> blob)
    {
        DeviceStateBlob? state = Read(blob, out string error);
        if (state is null) return CallOutcome.Failed(error);
        CallOutcome begun = Begin(state, AskDeadline);
        if (!begun.Succeeded) return begun;
        QmpOutcome<string> status = Qemu.Monitor.Execute(QmpCommands.QueryStatus, AskDeadline);
        if (!status.IsOk) return CallOutcome.Failed("the standby: " + status.Description);
        return status.Value == WaitsForState
            ? CallOutcome.Done
            : CallOutcome.Failed($"the standby waits for no device state, it is '{status.Value}'");
    }

    /// <summary>Loads an epoch's device state; the VM stays paused.</summary>
    public CallOutcome Load(ReadOnlySpan<byte> blob)
    {
        long start = Stopwatch.GetTimestamp();
        DeviceStateBlob? state = Read(blob, out string error);
        if (state is null) return CallOutcome.Failed(error);
        CallOutcome begun = Begin(state, LoadDeadline);
        if (!begun.Succeeded) return begun;
        using DeviceStateLoader loader = _loader!;
        QmpOutcome<QmpNothing> loaded = loader.Finish(state.State, LoadDeadline);
        return loaded.IsOk
            ? CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start))
            : CallOutcome.Failed($"{loaded.Description}; {Qemu.LastWords}");
    }

    private CallOutcome Begin(DeviceStateBlob state, TimeSpan deadline)
    {
        if (_loader is not null)
        {
            return _loader.PrefixHash == state.PrefixHash
                ? CallOutcome.Done
                : CallOutcome.Failed("the standby has begun to load the state of other devices");
        }

        QmpOutcome<DeviceStateLoader> begun = DeviceStateLoader.Begin(
            Qemu.Monitor, state, Path.Combine(_paths.Volatile, "load"), deadline);
        if (!begun.IsOk) return CallOutcome.Failed($"{begun.Description}; {Qemu.LastWords}");
        _loader = begun.Value;
        return CallOutcome.Done;
    }

    private DeviceStateBlob? Read(ReadOnlySpan<byte> blob, out string error)
    {
        using var lz4 = new Lz4Compressor();
        DeviceStateBlob? state = DeviceStateBlob.Read(blob, lz4, _services.Hash, out error);
        if (state is not { Prefix.IsEmpty: true }) return state;
        error = "device state: its prefix is not with it";
        return null;
    }

    /// <summary>Taps up, and the vCPUs of the loaded VM run.</summary>
    public CallOutcome Run()
    {
        if (HostTaps.Set(Definition, up: true) is { } error) return CallOutcome.Failed(error.Message);
        QmpOutcome<QmpNothing> running = RunControl.Resume(Qemu.Monitor, RunDeadline);
        // Without an answer it may run or not. Another standby in its place would run on what this one has written
        // since, and nothing but this process's end proves that it does not: so it is asked again, which is harmless
        // when it runs, as long as it lives. No limit of time may end that; whoever wants another end kills the QEMU.
        while (running.Status == QmpStatus.TimedOut && Qemu.IsAlive)
            running = RunControl.Resume(Qemu.Monitor, RunDeadline);
        return running.IsOk ? CallOutcome.Done : CallOutcome.Failed(running.Description);
    }

    /// <summary>
    /// Tells the network where the VM is now. QEMU's own round was sent as the state was loaded, with the taps down; of
    /// these the first is out when it answers, the others follow for switches that were busy.
    /// </summary>
    /// <returns>How long it took; null: there is no interface to announce.</returns>
    public async Task<CallOutcome?> AnnounceAsync()
    {
        if (Definition.Nics.Count == 0) return null;
        long start = Stopwatch.GetTimestamp();
        QmpOutcome<QmpNothing> announced = await Qemu.Monitor.ExecuteAsync(QmpCommands.AnnounceSelf(), AskDeadline)
            .ConfigureAwait(false);
        return announced.IsOk
            ? CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start))
            : CallOutcome.Failed(announced.Description);
    }

    /// <summary>Ends the process.</summary>
    public async Task KillAsync()
    {
        await Qemu.KillAsync();
        Dispose();
    }

    /// <summary>Lets go of the process.</summary>
    public void Dispose()
    {
        _loader?.Dispose();
        Qemu.Dispose();
    }
}
