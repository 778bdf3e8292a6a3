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

    private readonly AgentServices _services;
    private readonly VmPaths _paths;

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
        if (HostTaps.Prepare(definition, up: false) is { } error) return (null, error);
        QmpOutcome<QemuVm> started = await QemuVm.StartAsync(
            definition, VmFiles.HostPaths(definition, paths, ownImages: true), QemuRole.Standby, StartDeadline, stop);
        if (!started.IsOk) return (null, started.Description);
        QmpOutcome<QmpNothing> prepared = await DeviceStateLoader.PrepareAsync(started.Value.Monitor, StartDeadline,
            stop);
        if (prepared.IsOk) return (new Standby(services, paths, started.Value, definition), "");
        await started.Value.KillAsync();
        started.Value.Dispose();
        return (null, prepared.Description);
    }

    /// <summary>Loads an epoch's device state; the VM stays paused.</summary>
    public CallOutcome Load(ReadOnlySpan<byte> blob)
    {
        using var lz4 = new Lz4Compressor();
        DeviceStateBlob? state = DeviceStateBlob.Read(blob, lz4, _services.Hash, out string error);
        if (state is null) return CallOutcome.Failed(error);
        if (state.Prefix.IsEmpty) return CallOutcome.Failed("device state: its prefix is not with it");
        QmpOutcome<QmpNothing> loaded = DeviceStateLoader.Load(
            Qemu.Monitor, state.Prefix, state.State, Path.Combine(_paths.Volatile, "load"), LoadDeadline);
        return loaded.IsOk ? CallOutcome.Done : CallOutcome.Failed($"{loaded.Description}; {Qemu.LastWords}");
    }

    /// <summary>Taps up, and the vCPUs of the loaded VM run. The new place is announced to the network.</summary>
    public CallOutcome Run()
    {
        if (HostTaps.Set(Definition, up: true) is { } error) return CallOutcome.Failed(error.Message);
        QmpOutcome<QmpNothing> running = RunControl.Resume(Qemu.Monitor, RunDeadline);
        // Without an answer it may run or not. Another standby in its place would run on what this one has written
        // since: so it is asked again, which is harmless when it runs, as long as it lives.
        while (running.Status == QmpStatus.TimedOut && Qemu.IsAlive)
            running = RunControl.Resume(Qemu.Monitor, RunDeadline);
        if (!running.IsOk) return CallOutcome.Failed(running.Description);
        // QEMU has sent one round by itself; switches that were busy get some more. Not waited for.
        if (Definition.Nics.Count > 0) _ = Qemu.Monitor.ExecuteAsync(QmpCommands.AnnounceSelf());
        return CallOutcome.Done;
    }

    /// <summary>Ends the process.</summary>
    public async Task KillAsync()
    {
        await Qemu.KillAsync();
        Dispose();
    }

    /// <summary>Lets go of the process.</summary>
    public void Dispose() => Qemu.Dispose();
}
