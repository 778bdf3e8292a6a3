using System.Diagnostics;
using Umbra.Agent.Guarding;
using Umbra.Agent.State;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Lab;
using Umbra.Linux.Machine;
using Umbra.Testing;
using Xunit;

namespace Umbra.System.Tests.Guarding;

/// <summary>A real guard beside monitors that answer as a test says: leases that run out.</summary>
public sealed class GuardProcessTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-guard-").FullName;
    private readonly List<Process> _processes = [];
    private readonly Guard _guard;

    public GuardProcessTests() => _guard = new Guard(UmbraProgram.Command("guard"), Path.Combine(_directory, "pulse"));

    public void Dispose()
    {
        _guard.Dispose();
        foreach (Process process in _processes)
        {
            process.Kill();
            process.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_vm_is_stopped_at_its_deadline_and_again_at_the_next_one()
    {
        await using FakeQemu qemu = new();
        Process process = Sleeper();
        GuardedVm vm = Watch("web", qemu, process);
        await qemu.Serve().WaitAsync(Patience, TestContext.Current.CancellationToken);
        for (int round = 0; round < 2; round++)
        {
            _guard.SetRunDeadline(vm.Vm, BootClock.Now + TimeSpan.FromMilliseconds(500));
            _guard.Release(vm.Vm);
            await qemu.Answer(
                await qemu.Expect("stop").WaitAsync(Patience, TestContext.Current.CancellationToken));
            await UntilAsync(() => HeldFile.Read(vm.Directory) is not null);
            Assert.Equal(HeldReason.Lease, HeldFile.Read(vm.Directory)!.Reason);
            Assert.Null(HeldFile.Clear(vm.Directory));
        }

        Assert.False(process.HasExited);
    }

    private Process Sleeper()
    {
        var process = Process.Start("sleep", "60");
        _processes.Add(process);
        return process;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "it does not happen");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    private GuardedVm Watch(string name, FakeQemu qemu, Process process)
    {
        string directory = Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
        GuardedVm vm = new(new VmId(name), qemu.Path, directory, process.Id, new Generation(1), Disks: 0);
        _guard.Watch(vm);
        return vm;
    }
}
