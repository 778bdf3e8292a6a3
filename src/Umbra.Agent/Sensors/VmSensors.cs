using Umbra.Agent.Links;
using Umbra.Agent.Replication;
using Umbra.Agent.Vms;
using Umbra.Core.Epochs;
using Umbra.Linux.ProcFs;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Agent.Sensors;

/// <summary>Which sensors a VM has on each side of its pair.</summary>
internal static class VmSensors
{
    /// <summary>A question to QEMU may take this long; the sensor's own deadline is longer.</summary>
    private static readonly TimeSpan QmpDeadline = TimeSpan.FromMilliseconds(400);

    /// <summary>Those of a running VM.</summary>
    public static IReadOnlyList<ISensor> OfPrimary(AgentServices services, PrimaryVm vm)
    {
        int pid = vm.Qemu.Identity.Pid;
        return
        [
            new VcpuSensor(pid, () => AskAsync(vm, QmpCommands.QueryCpuThreads)),
            new CanarySensor(services.Canaries, vm.FindPlacement, isShadow: false),
            new DiskSensor(
                services.Canaries, CanaryFiles.In(ImageDirectory(services, vm.Files), services.Paths, services.Host)),
            new GuestDiskSensor(() => AskAsync(vm, QmpCommands.QueryBlockStats)),
            new LinkSensor(() => vm.Runner?.Connection, isShadow: false),
            new TapSensor(() => [.. vm.Files.Taps.Values]),
            new SyncSensor(() => LagOf(vm.Runner), () => PauseOf(vm.Runner)),
        ];
    }

    /// <summary>Those of a shadow.</summary>
    /// <param name="services">What the agent shares.</param>
    /// <param name="standby">The standby's process; 0: there is none.</param>
    /// <param name="connection">The source's connection; null: there is none.</param>
    /// <param name="applied">Times that epochs took to apply.</param>
    public static IReadOnlyList<ISensor> OfShadow(
        AgentServices services, Func<int> standby, Func<PairConnection?> connection, DurationMeter applied)
    {
        return
        [
            new CanarySensor(
                services.Canaries,
                () => standby() is > 0 and { } pid ? ThreadPlacement.OfThread(pid, pid) : null,
                isShadow: true),
            new DiskSensor(services.Canaries, CanaryFiles.In(services.Paths.State, services.Paths, services.Host)),
            new LinkSensor(connection, isShadow: true),
            new SyncSensor(
                () => (applied.TakeMean(), "no epoch was applied since the last look"),
                static () => (null, "a shadow's guest stands still")),
        ];
    }

    private static (TimeSpan? Value, string Reason) LagOf(SourceRunner? runner)
    {
        if (runner is null) return (null, "it has no shadow");
        return runner.Status is { } status && status.Sync.Acknowledged != Core.Basics.EpochNumber.None
            ? (status.Sync.Lag, "")
            : (null, "the shadow holds no epoch yet");
    }

    private static (TimeSpan? Value, string Reason) PauseOf(SourceRunner? runner) =>
        runner is null
            ? (null, "it has no shadow")
            : (runner.Pauses.TakeMean(), "no epoch was acknowledged since the last look");

    /// <summary>The VM's monitor has the pauses to serve: with a replication, its thread says when to ask.</summary>
    private static async Task<QmpOutcome<T>> AskAsync<T>(PrimaryVm vm, QmpCommand<T> command)
    {
        if (vm.Runner is { } runner) await runner.BetweenPauses().WaitAsync(QmpDeadline);
        return await vm.Qemu.Monitor.ExecuteAsync(command, QmpDeadline);
    }

    /// <summary>A directory on the filesystem of a VM's images: the agent's own where they are its own.</summary>
    public static string ImageDirectory(AgentServices services, HostPaths files)
    {
        string? image = files.Disks.Values.FirstOrDefault()?.Path;
        bool isOwn = image is null || image.StartsWith(services.Paths.State + "/", StringComparison.Ordinal);
        return isOwn ? services.Paths.State : Path.GetDirectoryName(image!)!;
    }
}
