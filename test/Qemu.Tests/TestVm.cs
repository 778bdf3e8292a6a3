using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Native;
using Umbra.Linux.Processes;
using Umbra.Qemu.DeviceState;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Umbra.Testing;
using Xunit;

namespace Umbra.Qemu.Tests;

/// <summary>
/// Real QEMUs for tests: a small VM without a guest system (the firmware runs and finds nothing to boot), its files in
/// a directory of its own on tmpfs, everything ended and removed afterwards.
/// </summary>
public sealed class TestVm : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly List<QemuVm> _running = [];

    public TestVm()
    {
        if (TestedQemu.WhyMissing is { } missing) Assert.Skip(missing);
        Directory = System.IO.Directory.CreateDirectory($"/dev/shm/umbra-qemu-{Guid.NewGuid():N}"[..32]).FullName;
    }

    public string Directory { get; }

    public static VmDefinition Small { get; } = new()
    {
        Name = new VmId("small"),
        MemoryBytes = 64 * Sizes.MiB,
        Disks = [new DiskDefinition { Id = "d0", Bytes = 4 * Sizes.MiB }],
    };

    public HostPaths Paths(VmDefinition vm, string side)
    {
        string directory = System.IO.Directory.CreateDirectory(Path.Combine(Directory, side)).FullName;
        var taps = vm.Nics.ToDictionary(n => n.Id, n => "none");
        HostPaths paths = HostPaths.Under(vm, directory, directory, directory, taps, isShadow: true) with
        {
            GuardSocket = Path.Combine(directory, "guard"),
        };
        foreach (DiskDefinition disk in vm.Disks)
        {
            using FileStream image = File.Open(paths.Disks[disk.Id].Path, FileMode.OpenOrCreate);
            image.SetLength(disk.Bytes);
        }

        return paths;
    }

    public Task<QemuVm> Start(string side = "a", QemuRole role = QemuRole.Primary) => Start(Small, side, role);

    public async Task<QemuVm> Start(VmDefinition vm, string side, QemuRole role = QemuRole.Primary)
    {
        QmpOutcome<QemuVm> started = await QemuVm.StartAsync(
            vm, Paths(vm, side), role, Deadline, TestContext.Current.CancellationToken);
        Assert.True(started.IsOk, started.ToString());
        return Track(started.Value);
    }

    /// <summary>
    /// As a person starts one: without what Umbra adds to have QEMU refuse devices that it cannot save.
    /// </summary>
    public async Task<QemuVm> StartByHand(VmDefinition vm)
    {
        HostPaths paths = Paths(vm, "a");
        string[] arguments =
            [.. QemuCommandLine.Build(vm, paths, QemuRole.Primary).Where(a => a != "-only-migratable")];
        Outcome<ProcessHandle> started = DetachedProcess.Start(
            new DetachedStart(QemuVm.Program, arguments, paths.ErrorLog));
        Assert.True(started.IsOk, started.ToString());
        using ProcessHandle process = started.Value;
        QmpOutcome<QemuVm> adopted = await QemuVm.AdoptAsync(
            process.Identity, paths, Deadline, TestContext.Current.CancellationToken);
        Assert.True(adopted.IsOk, adopted.ToString());
        return Track(adopted.Value);
    }

    /// <summary>What saves the VM's device state, as the product has it: prepared.</summary>
    public async Task<DeviceStateSaver> Saver(QemuVm vm)
    {
        var saver = new DeviceStateSaver(
            vm.Monitor, Path.Combine(Directory, "x"), Path.Combine(Directory, "m"), new Lz4Compressor(), new XxHash3())
        {
            IsAlwaysSavable = vm.IsOnlyMigratable,
        };
        QmpOutcome<QmpNothing> prepared = await saver.PrepareAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.True(prepared.IsOk, prepared.ToString());
        return saver;
    }

    /// <summary>Executes a command that must succeed.</summary>
    public static async Task<T> Ask<T>(QemuVm vm, QmpCommand<T> command)
    {
        QmpOutcome<T> outcome = await vm.Monitor.ExecuteAsync(command, Deadline, TestContext.Current.CancellationToken);
        Assert.True(outcome.IsOk, outcome.ToString());
        return outcome.Value;
    }

    public QemuVm Track(QemuVm vm)
    {
        _running.Add(vm);
        return vm;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (QemuVm vm in _running)
        {
            if (vm.IsAlive) await vm.KillAsync();
            vm.Dispose();
        }

        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
