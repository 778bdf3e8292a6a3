using System.Buffers;
using Umbra.Core.Basics;
using Umbra.Qemu.DeviceState;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.DeviceState;

/// <summary>
/// A device that QEMU cannot save is plugged in by another monitor, around the pauses of its VM. A save with one kills
/// QEMU 7.2.
/// </summary>
public sealed class UnsavableDeviceTests
{
    // At more than one attempt each, all through the pauses.
    private const int Pauses = 60;

    private static readonly QmpCommand<QmpNothing> s_plug = QmpCommands.DeviceAdd(QmpCommands.Object(
        ("driver", "nvme"), ("id", "odd"), ("drive", "nothing"), ("serial", "x"), ("bus", PciLayout.Port(0))));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_plugged_in_between_the_question_and_the_pause_fails_the_save_and_leaves_QEMU_alive()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.StartByHand(TestVm.Small);
        Assert.False(vm.IsOnlyMigratable);
        using QmpSession hand = await HandOf(vms);
        DeviceStateSaver saver = await vms.Saver(vm);
        Assert.True(saver.CheckSavable(TestVm.Deadline).IsOk);
        Assert.True(RunControl.Pause(vm.Monitor, TestVm.Deadline).IsOk);

        Assert.True((await hand.ExecuteAsync(s_plug, TestVm.Deadline, Cancel)).IsOk);

        QmpOutcome<QmpNothing> begun = saver.Begin(TestVm.Deadline);
        Assert.Contains("nvme", begun.Description, StringComparison.Ordinal);
        Assert.False(saver.Finish(TestVm.Deadline).IsOk);
        Assert.True(RunControl.Resume(vm.Monitor, TestVm.Deadline).IsOk);
        Assert.Equal("running", await TestVm.Ask(vm, QmpCommands.QueryStatus));
    }

    [Fact]
    public async Task Plugged_in_again_and_again_around_the_pauses_of_a_VM_of_ours_they_are_refused_and_it_lives()
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.Start();
        Assert.True(vm.IsOnlyMigratable);
        using QmpSession hand = await HandOf(vms);
        DeviceStateSaver saver = await vms.Saver(vm);
        using var enough = new CancellationTokenSource();
        using var begun = new ManualResetEventSlim();
        var plugging = Task.Factory.StartNew(
            () => PlugUntil(hand, begun, enough.Token), Cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(begun.Wait(TestVm.Deadline, Cancel));
        var into = new ArrayBufferWriter<byte>(1 << 20);
        for (int i = 0; i < Pauses; i++)
        {
            Assert.True(RunControl.Pause(vm.Monitor, TestVm.Deadline).IsOk);
            into.ResetWrittenCount();
            QmpOutcome<QmpNothing> saved = saver.Finish(TestVm.Deadline);
            Assert.True(saved.IsOk, saved.ToString());
            Assert.True(RunControl.Resume(vm.Monitor, TestVm.Deadline).IsOk);
            Assert.True(saver.Take(into).IsOk);
        }

        await enough.CancelAsync();
        Assert.InRange(await plugging, Pauses, int.MaxValue);
        Assert.True(saver.CheckSavable(TestVm.Deadline).IsOk);
        Assert.Equal("running", await TestVm.Ask(vm, QmpCommands.QueryStatus));
    }

    private static int PlugUntil(QmpSession hand, ManualResetEventSlim begun, CancellationToken enough)
    {
        int refused = 0;
        for (; !enough.IsCancellationRequested; refused++)
        {
            QmpOutcome<QmpNothing> plugged = hand.Execute(s_plug, TestVm.Deadline);
            // Or it may not be plugged in while QEMU migrates: the first save has a migration in it.
            Assert.Contains("migrat", plugged.Description, StringComparison.Ordinal);
            begun.Set();
        }

        return refused;
    }

    // The guard's monitor, which nobody has here: as a person would have one of his own.
    private static async Task<QmpSession> HandOf(TestVm vms)
    {
        QmpOutcome<QmpSession> connected = await QmpSession.ConnectAsync(
            vms.Paths(TestVm.Small, "a").GuardSocket!, TestVm.Deadline, Cancel);
        Assert.True(connected.IsOk, connected.ToString());
        QmpOutcome<QmpNothing> node = await connected.Value.ExecuteAsync(
            QmpCommands.BlockdevAdd(QmpCommands.Object(
                ("driver", "null-co"), ("node-name", "nothing"), ("size", Sizes.MiB))),
            TestVm.Deadline,
            Cancel);
        Assert.True(node.IsOk, node.ToString());
        return connected.Value;
    }
}
