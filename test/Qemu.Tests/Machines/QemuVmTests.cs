using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Processes;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.Machines;

/// <summary>Real QEMU processes: started, adopted, attached, changed, ended.</summary>
public sealed class QemuVmTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_started_VM_runs_is_nobodys_child_and_quits()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        Assert.Equal("running", await TestVm.Ask(vm, QmpCommands.QueryStatus));
        Assert.Equal("pc-q35-7.2-machine", await TestVm.Ask(vm, QmpCommands.MachineType));
        string stat = await File.ReadAllTextAsync($"/proc/{vm.Identity.Pid}/stat", Cancel);
        Assert.NotEqual(Environment.ProcessId.ToString(), stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]);
        await vm.QuitAsync(TestVm.Deadline);
        Assert.False(vm.IsAlive);
        Assert.Equal(QmpStatus.Gone, (await vm.Monitor.Ended.WaitAsync(TestVm.Deadline, Cancel)).Status);
    }

    [Fact]
    public async Task A_VM_that_cannot_start_says_what_QEMU_said()
    {
        await using var vms = new TestVm();
        VmDefinition vm = TestVm.Small with { Machine = "pc-q35-99.9" };
        QmpOutcome<QemuVm> started = await QemuVm.StartAsync(
            vm, vms.Paths(vm, "a"), QemuRole.Primary, TestVm.Deadline, Cancel);
        Assert.False(started.IsOk);
        Assert.Contains("unsupported machine type", started.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_has_become_too_long_begins_anew_and_QEMU_writes_on()
    {
        await using var vms = new TestVm();
        HostPaths paths = vms.Paths(TestVm.Small, "a");
        byte[] much = new byte[QemuLogs.BytesMax + 1];
        await File.WriteAllBytesAsync(paths.ErrorLog, much, Cancel);
        QemuVm vm = await vms.Start();
        QemuLogs.Turn(paths);
        Assert.Equal(0, new FileInfo(paths.ErrorLog).Length);
        Assert.Equal(much.Length, new FileInfo(paths.ErrorLog + QemuLogs.EarlierSuffix).Length);
        Assert.False(File.Exists(paths.ConsoleLog + QemuLogs.EarlierSuffix));
        Assert.Empty(vm.LastWords);
        await TestVm.Ask(vm, QmpCommands.BlockdevAdd(QmpCommands.Object(
            ("driver", "null-co"), ("node-name", "t"), ("size", 65536))));
        await TestVm.Ask(vm, QmpCommands.BlockdevAdd(QmpCommands.Object(
            ("driver", "null-co"), ("node-name", "s"), ("size", 65536))));
        await TestVm.Ask(vm, QmpCommands.BlockdevBackup(QmpCommands.Object(
            ("job-id", "j"), ("device", "s"), ("target", "t"), ("sync", "full"))));
        Assert.Contains("block size", vm.LastWords, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_VM_is_adopted_after_its_first_master_let_go()
    {
        await using var vms = new TestVm();
        QemuVm first = await vms.Start();
        first.Monitor.Dispose();
        first.Brake.Dispose();
        QmpOutcome<QemuVm> adopted = await QemuVm.AdoptAsync(
            first.Identity, vms.Paths(TestVm.Small, "a"), TestVm.Deadline, Cancel);
        Assert.True(adopted.IsOk, adopted.ToString());
        vms.Track(adopted.Value);
        Assert.Equal("running", await TestVm.Ask(adopted.Value, QmpCommands.QueryStatus));
    }

    [Fact]
    public async Task Another_process_with_the_same_pid_is_not_adopted()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        QmpOutcome<QemuVm> adopted = await QemuVm.AdoptAsync(
            vm.Identity with { StartTicks = vm.Identity.StartTicks + 1 },
            vms.Paths(TestVm.Small, "a"),
            TestVm.Deadline,
            Cancel);
        Assert.Equal(QmpStatus.Gone, adopted.Status);
    }

    [Fact]
    public async Task A_killed_VM_is_noticed()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        await vm.KillAsync().WaitAsync(TestVm.Deadline, Cancel);
        Assert.False(vm.IsAlive);
        Assert.Equal(QmpStatus.Gone, (await vm.Monitor.Ended.WaitAsync(TestVm.Deadline, Cancel)).Status);
    }

    [Fact]
    public async Task Observation_finds_the_disks_that_the_definition_has()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        VmDefinition known = PciLayout.Assign(TestVm.Small)!;
        ObservedDevices seen = await Observe(vm);
        ObservedDisk disk = Assert.Single(seen.Disks);
        Assert.Equal(
            ("d0", null, "0x2", "disk-d0", "raw", TestVm.Small.Disks[0].Bytes),
            (disk.Id, disk.Bus, disk.Address, disk.NodeName, disk.Format, disk.Bytes));
        Assert.Same(known, seen.Update(known, _ => ""));
    }

    [Fact]
    public async Task A_hot_plugged_disk_is_observed_and_one_that_fails_leaves_nothing_behind()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        VmDefinition before = PciLayout.Assign(TestVm.Small)!;
        DiskDefinition extra = new() { Id = "d1", Bytes = Sizes.MiB };
        VmDefinition after = PciLayout.PlaceHotPlugged(before, before with { Disks = [.. before.Disks, extra] })!;
        HostPaths paths = vms.Paths(after, "a");

        QmpOutcome<QmpNothing> plugged = await Change(vm, before, after, paths);
        Assert.True(plugged.IsOk, plugged.ToString());
        VmDefinition seen = (await Observe(vm)).Update(before, _ => "");
        Assert.Equal(("d1", "hp0", "0x0"), (seen.Disks[1].Id, seen.Disks[1].Bus, seen.Disks[1].Address));
        Assert.Equal(before.Revision + 1, seen.Revision);

        VmDefinition clash = after with { Disks = [.. after.Disks, extra with { Id = "d2", Bus = "hp0" }] };
        Assert.False((await Change(vm, after, clash, vms.Paths(clash, "a"))).IsOk);
        Assert.DoesNotContain(
            await TestVm.Ask(vm, QmpCommands.QueryNamedBlockNodes), n => n.NodeName == QemuNames.DiskNode("d2"));
    }

    [Fact]
    public async Task A_VM_that_Umbra_did_not_start_is_attached()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        vm.Monitor.Dispose(); // one client per monitor
        Outcome<AttachedVm> attached = await QemuAttach.ReadAsync(
            vm.Identity.Pid, null, TestVm.Deadline, cancel: Cancel);
        Assert.True(attached.IsOk);
        Assert.Empty(attached.Value.Refusals);
        VmDefinition read = attached.Value.Definition!;
        Assert.Equal(
            ("small", "pc-q35-7.2", TestVm.Small.MemoryBytes), (read.Name.Value, read.Machine, read.MemoryBytes));
        Assert.Equal("d0", Assert.Single(read.Disks).Id);
        Assert.Equal(vms.Paths(TestVm.Small, "a").RamFile, attached.Value.Paths!.RamFile);

        QemuVm standby = await vms.Start(read, "b", QemuRole.Standby);
        Assert.Equal("inmigrate", await TestVm.Ask(standby, QmpCommands.QueryStatus));
    }

    [Fact]
    public async Task The_brake_refuses_a_node_that_is_not_there()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        QmpOutcome<QmpNothing> yanked = vm.Brake.Yank("nothing", TestVm.Deadline);
        Assert.Equal(QmpStatus.QemuError, yanked.Status);
    }

    private static Task<QmpOutcome<QmpNothing>> Change(
        QemuVm vm, VmDefinition before, VmDefinition after, HostPaths paths) =>
        QemuDevices.ChangeAsync(vm.Monitor, before, after, paths, TestVm.Deadline, Cancel);

    private static async Task<ObservedDevices> Observe(QemuVm vm)
    {
        QmpOutcome<ObservedDevices> seen = await QemuDevices.ObserveAsync(vm.Monitor, TestVm.Deadline, Cancel);
        Assert.True(seen.IsOk, seen.ToString());
        return seen.Value;
    }
}
