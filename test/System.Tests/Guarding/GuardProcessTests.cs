using System.Diagnostics;
using System.Globalization;
using Umbra.Agent.Guarding;
using Umbra.Agent.State;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Swap;
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

    public GuardProcessTests() => _guard = new Guard(
        UmbraProgram.Command("guard"), Path.Combine(Run, "pulse"), static (_, _) => { });

    // On a real host a tmpfs.
    private string Run => Directory.CreateDirectory(Path.Combine(_directory, "run")).FullName;


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

    [Fact]
    public async Task Vms_whose_monitors_are_silent_are_all_killed_in_time_and_one_that_answers_is_not()
    {
        await using FakeQemu answering = new();
        await using FakeQemu silent = new();
        await using FakeQemu deaf = new();
        Process answeringProcess = Sleeper();
        Process silentProcess = Sleeper();
        Process deafProcess = Sleeper();
        GuardedVm[] vms =
        [
            Watch("deaf", deaf, deafProcess), Watch("silent", silent, silentProcess),
            Watch("web", answering, answeringProcess),
        ];
        await answering.Serve().WaitAsync(Patience, TestContext.Current.CancellationToken);
        await silent.Serve().WaitAsync(Patience, TestContext.Current.CancellationToken);
        await deaf.Accept().WaitAsync(Patience, TestContext.Current.CancellationToken);
        TimeSpan deadline = BootClock.Now + TimeSpan.FromSeconds(1);
        foreach (GuardedVm vm in vms) _guard.SetRunDeadline(vm.Vm, deadline);
        // The event is enough: QEMU sends it as soon as the vCPUs stand still, the answer after the disks' flush.
        await answering.Expect("stop").WaitAsync(Patience, TestContext.Current.CancellationToken);
        await answering.Event("STOP");
        await UntilAsync(() => silentProcess.HasExited && deafProcess.HasExited);
        TimeSpan reaction = BootClock.Now - deadline;
        // Twice as long as promised, for a machine that runs other tests; one after another would take longer.
        Assert.True(reaction <= LeaseRules.ReactionMax * 2, $"it took {reaction.TotalMilliseconds:0} ms");
        Assert.False(answeringProcess.HasExited);
    }

    [Fact]
    public async Task A_durable_disk_that_stands_still_does_not_keep_a_vm_from_being_stopped()
    {
        await using FakeQemu qemu = new();
        string directory = Directory.CreateDirectory(Path.Combine(_directory, "web")).FullName;
        // Every write of a file by this name waits for a reader that never comes.
        foreach (string name in new[] { "guard", "guard.pid" })
            ShellCommand.Run("mkfifo", Path.Combine(directory, name));
        GuardedVm vm = Watch("web", qemu, Sleeper());
        await qemu.Serve().WaitAsync(Patience, TestContext.Current.CancellationToken);
        _guard.SetRunDeadline(vm.Vm, BootClock.Now + TimeSpan.FromMilliseconds(500));
        await qemu.Answer(await qemu.Expect("stop").WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task It_stays_in_memory_on_a_host_that_is_short_of_it()
    {
        if (!Environment.IsPrivilegedProcess) Assert.Skip("locking memory needs root");
        await using FakeQemu qemu = new();
        Watch("web", qemu, Sleeper());
        await qemu.Serve().WaitAsync(Patience, TestContext.Current.CancellationToken);
        string guard = ShellCommand.Run(
            "pgrep", "-P", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), "-f", " guard$").Trim();
        string locked = File.ReadLines($"/proc/{guard}/status")
            .Single(l => l.StartsWith("VmLck:", StringComparison.Ordinal));
        Assert.NotEqual("0", locked.Split((char[])['\t', ' '], StringSplitOptions.RemoveEmptyEntries)[1]);
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
        Directory.CreateDirectory(Path.Combine(Run, name));
        GuardedVm vm = new(new VmId(name), qemu.Path, directory, process.Id, new Generation(1), Disks: 0);
        _guard.Watch(vm);
        return vm;
    }
}
